/** A capture in one updating line, and in one sentence when it is over. */

import { printable } from '../../base/write.ts'
import type { OutputRequest } from '../../capture/request/output.ts'
import type { CaptureReport, Progress } from '../../capture/request/report.ts'
import type { CaptureEnd } from '../../protocol/v1/values.ts'
import { bytes, count } from './quantity.ts'
import { warn } from './terminal.ts'

/** The line of one capture. */
export interface ProgressLine {
  pending(target: string): void
  armed(target: string): void
  update(progress: Progress): void
  clear(): void
}

/** A line on standard error that is written over and over. */
export function progressLine(): ProgressLine {
  let last: Progress | undefined
  const show = (text: string) => warn(`\r${text}\x1b[K`)
  return {
    pending: target => show(`waiting for ${printable(target)}, Ctrl-C ends it`),
    armed: target => show(`capturing ${printable(target)}, Ctrl-C ends it`),
    update(progress) {
      const elapsed = progress.seconds - (last?.seconds ?? 0)
      const rate = elapsed > 0 ? (progress.packets - (last?.packets ?? 0)) / elapsed : 0
      last = progress
      show(
        `${count(progress.packets)} packets, ${bytes(progress.bytes)}, ${count(Math.round(rate))}/s, ${Math.floor(progress.seconds)} s`,
      )
    },
    clear: () => show(''),
  }
}

const endings: Record<CaptureEnd, string> = {
  stopped: 'stopped',
  killed: 'killed',
  'reader-gone': 'the reader has gone',
  'parent-gone': 'the parent process has gone',
  'target-gone': 'the target has gone',
  'interface-gone': 'an interface was removed',
  'stop-condition': 'stop condition reached',
}

/** What was captured, what was lost, and why it ended. */
export function summary(report: CaptureReport, destination: OutputRequest): string {
  const { packets, dropped, late = 0, goneInterface, missedInterfaces, end, lives = 1 } = report
  const where = destination.kind === 'file' ? ` in ${destination.path}` : ''
  const lost = `${dropped > 0 ? `, ${count(dropped)} LOST` : ''}${outOfOrder(late)}`
  const gone = goneInterface === undefined ? '' : ` (${goneInterface} was removed)`
  const without = missedInterfaces === undefined ? '' : `, without ${printable(missedInterfaces.join(', '))}`
  const life = lives > 1 ? ` in ${lives} lives` : ''
  return `${count(packets)} packets${where}${life}${without}${lost}; ${endings[end]}${printable(gone)}\n`
}

function outOfOrder(late: number): string {
  return late > 0 ? `, ${count(late)} out of order` : ''
}

/** The same for a capture around a command: one line, that nothing else may come before. */
export function runSummary({ packets, dropped, late = 0, end }: CaptureReport, file: string): string {
  const lost = `${dropped > 0 ? `, ${count(dropped)} LOST` : ''}${outOfOrder(late)}`
  const why = end === 'stopped' ? '' : `; ${endings[end]}`
  return `remora: ${count(packets)} packets to ${printable(file)}${lost}${why}\n`
}
