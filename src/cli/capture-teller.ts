/** What `remora capture` tells while it runs and at its end: people on standard error, programs in JSON and on a descriptor. */
import { printable, printableJson } from '../base/write.ts'
import type { OutputRequest } from '../capture/request/output.ts'
import type { CaptureReport, Progress } from '../capture/request/report.ts'
import { openReady } from './ready.ts'
import { progressLine, summary } from './render/progress.ts'
import { hasTerminal, print, warn } from './render/terminal.ts'

/** Options that say who is told, and how. */
export interface TellingOptions {
  readonly json?: boolean
  readonly jsonLines?: boolean
  readonly readyFd?: string
}

/** Who is told of a capture. */
export interface CaptureTeller {
  /** What the capture calls while it runs. */
  readonly listeners: {
    /** Whether packets have to be counted for it. */
    readonly counting: boolean
    onSilence(line: string): void
    onWarning(line: string): void
    onPending(): void
    onArmed(): void
    onProgress?(progress: Progress): void
  }
  /** Takes the updating line away. */
  clear(): void
  end(report: CaptureReport): void
}

/**
 * Makes what tells of a capture.
 * @param reference what is captured, as it may be shown
 * @throws RemoraError USAGE when there is no such descriptor
 */
export function captureTeller(
  reference: string,
  destination: OutputRequest,
  { json, jsonLines, readyFd }: TellingOptions,
): CaptureTeller {
  const ready = readyFd === undefined ? undefined : openReady(readyFd)
  const line = hasTerminal() ? progressLine() : undefined
  const clear = () => line?.clear()
  const tellPeople = (text: string) => {
    clear()
    warn(`${printable(text)}\n`)
  }
  const tellPrograms = (value: object) => (destination.kind === 'file' ? print : warn)(`${printableJson(value)}\n`)
  const describe = (event: string, details: object) => ({ time: new Date().toISOString(), event, ...details })
  const tellEvent = (event: string) => {
    if (!jsonLines) return
    clear()
    try {
      tellPrograms(describe(event, { reference }))
    } catch {
      // The capture goes on: its report, which is written to the same place, fails with the reason.
    }
  }
  return {
    listeners: {
      counting: line !== undefined,
      onSilence: tellPeople,
      onWarning: text => tellPeople(`warning: ${text}`),
      onPending() {
        line?.pending(reference)
        tellEvent('waiting')
      },
      onArmed() {
        line?.armed(reference)
        ready?.()
        tellEvent('armed')
      },
      ...(line && { onProgress: (progress: Progress) => line.update(progress) }),
    },
    clear,
    end(report) {
      const whole = { ...report, ...(destination.kind === 'file' && { file: destination.path }) }
      if (jsonLines) tellPrograms(describe('ended', whole))
      else if (json) tellPrograms(whole)
      else if (line !== undefined || report.goneInterface !== undefined) warn(summary(report, destination))
    },
  }
}
