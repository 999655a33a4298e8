/** What a program that captures says of it on standard error, and the parts of a reader that all of them need. */

/** What is counted of one interface, in packets, when a capture ends. */
export interface InterfaceStatistics {
  readonly name: string
  /** Packets taken from the kernel. */
  readonly received: number
  /** Packets lost in the kernel, in the driver, or in a queue of the program. */
  readonly dropped: number
  /** Packets the program had not taken over when it ended: lost, unless it ended because it had enough. */
  readonly flushed: number
}

/** What a program has said of its capture up to now. */
export interface CaptureMessages {
  /** The capture is active on every interface. */
  readonly ready: boolean
  /** Packets captured, as far as they are counted while it runs. */
  readonly packets: number
  /** Told at the end; empty until then. */
  readonly statistics: readonly InterfaceStatistics[]
  /** Interface whose removal ended the capture. */
  readonly goneInterface: string | undefined
  /** First complaint and what belongs to it, one line. */
  readonly complaint: string | undefined
}

/** Reads messages as they come, in pieces of any size; keeps at most a few lines. */
export interface CaptureReader {
  /** Takes the next piece. */
  push(text: string): void
  /** Takes what came last without an end of line; nothing follows. */
  end(): void
  /** What was said so far in whole lines. */
  messages(): CaptureMessages
}

/** Longest line that is kept. */
const longestLine = 4_096

/**
 * Splits what comes into lines, which may end with a carriage return.
 * @param line called with each, without its end; of a longer one than 4,096 characters the last of them
 */
export function lineSplitter(line: (text: string) => void) {
  let rest = ''
  return {
    /** Takes the next piece; what has no end yet is the answer. */
    push(text: string): string {
      const lines = (rest + text).split(/[\r\n]/)
      rest = (lines.pop() ?? '').slice(-longestLine)
      for (const complete of lines) line(complete)
      return rest
    },
    end() {
      line(rest)
      rest = ''
    },
  }
}

/**
 * Collects a complaint: the line that begins it and a few behind.
 * @param beginsOne fits that line
 */
export function complaintCollector(beginsOne: RegExp) {
  const lines: string[] = []
  return {
    add(text: string) {
      if (lines.length < 6 && (lines.length > 0 || beginsOne.test(text))) lines.push(text)
    },
    /** All of it in one line; undefined when there was none. */
    complaint(): string | undefined {
      const text = lines.join(' ').replace(/\s+/g, ' ').trim()
      return text === '' ? undefined : text
    },
  }
}
