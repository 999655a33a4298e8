/**
 * What dumpcap says on standard error while it captures (dumpcap.c, report_*). Not an interface anyone promised, so every
 * line is optional and an unknown one is kept only as the possible reason of a failure.
 */

export interface InterfaceStatistics {
  readonly name: string
  /** Packets taken from the kernel. */
  readonly received: number
  /** Packets lost in the kernel, in the driver, or in dumpcap's queue. */
  readonly dropped: number
  /** Packets still in dumpcap's queue when it ended: lost, unless it ended because it had enough. */
  readonly flushed: number
}

export interface DumpcapMessages {
  /** The capture is active on every interface. */
  readonly ready: boolean
  readonly packets: number
  readonly statistics: readonly InterfaceStatistics[]
  /** Interface whose removal ended the capture. */
  readonly goneInterface: string | undefined
  /** First complaint and what belongs to it, one line. */
  readonly complaint: string | undefined
}

export interface DumpcapReader {
  /** Takes the next piece. */
  push(text: string): void
  /** Takes what came last without an end of line; nothing follows. */
  end(): void
  /** What was said so far in whole lines. */
  messages(): DumpcapMessages
}

/**
 * Reads the messages as they come, in pieces of any size; keeps at most a few lines.
 * @param onReady called once, when the capture is active
 */
export function dumpcapReader(onReady: () => void = () => {}): DumpcapReader {
  const statistics: InterfaceStatistics[] = []
  const complaints: string[] = []
  let ready = false
  let packets = 0
  let goneInterface: string | undefined
  let rest = ''

  const line = (text: string) => {
    // A count has no end of line, so what is said next stands behind it.
    const [, count, said = text] = /^Packets(?: captured)?: (\d+) ?(.*)$/.exec(text) ?? []
    if (count !== undefined) packets = Number(count)
    if (said === '') return
    if (said.startsWith('File: ')) {
      ready = true
      onReady()
    } else if (said.startsWith('Packets received/dropped')) statistics.push(...parseStatistics(said))
    else if (/no longer attached/.test(said)) goneInterface = /adapter "(.*?)"/.exec(said)?.[1] ?? 'an interface'
    else if (/^(?:dumpcap|nsenter|setpriv): /.test(said) || (complaints.length > 0 && complaints.length < 6))
      complaints.push(said)
  }

  return {
    push(text) {
      const lines = (rest + text).split(/[\r\n]/)
      rest = (lines.pop() ?? '').slice(-4096)
      for (const complete of lines) line(complete)
      // The last count would otherwise be known with the next packet only.
      if (/^Packets: \d+ $/.test(rest)) line(rest)
    },
    end() {
      line(rest)
      rest = ''
    },
    messages() {
      const complaint = complaints.join(' ').replace(/\s+/g, ' ').trim()
      return { ready, packets, statistics, goneInterface, complaint: complaint === '' ? undefined : complaint }
    },
  }
}

/**
 * `Packets received/dropped on interface 'Loopback: lo': 26/4 (pcap:1/dumpcap:2/flushed:1/ps_ifdrop:0) (96.3%)`. The
 * display name is `text: name`. Flushed packets are those that dumpcap's threads had taken over, and threw away at the end.
 */
function parseStatistics(text: string): InterfaceStatistics[] {
  const [, display, received, kernel, queue, flushed, driver] =
    /on interface '(.*)': (\d+)\/\d+ \(pcap:(\d+)\/dumpcap:(\d+)\/flushed:(\d+)\/ps_ifdrop:(\d+)\)/.exec(text) ?? []
  if (display === undefined) return []
  return [
    {
      name: display.slice(display.lastIndexOf(': ') + 1).trim(),
      received: Number(received),
      dropped: Number(kernel) + Number(queue) + Number(driver),
      flushed: Number(flushed),
    },
  ]
}
