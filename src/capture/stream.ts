/**
 * A capture as a stream within this process, for whoever hands the packets on. It flows as fast as it is read: behind a
 * slow reader dumpcap waits at the pipe, and the kernel counts what it had to throw away. So nothing piles up here.
 */
import { closeSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { startingPlace } from '../base/turn.ts'
import { makePipe } from '../linux/fifo.ts'
import { runPrepared } from './capture.ts'
import type { CaptureContext, PreparedCapture } from './prepare.ts'
import type { CaptureReport, RunOptions } from './run-local.ts'

export interface CaptureStream {
  /** The capture (pcapng); destroying it ends the capture. */
  readonly packets: Readable
  /** Settles when the capture has ended, which does not wait for the stream to be read. */
  readonly report: Promise<CaptureReport>
}

/**
 * Starts a prepared capture.
 * @throws RemoraError CAPTURE_FAILED or TOOL_MISSING when there can be no pipe; other failures come with the report
 */
export async function openCaptureStream(
  prepared: PreparedCapture,
  context: CaptureContext & Omit<RunOptions, 'lifetime' | 'through' | 'enough'>,
): Promise<CaptureStream> {
  const leave = await startingPlace()
  const { reader, writer } = await makePipe().finally(leave)
  reader.on('error', () => {})
  const close = () => closeSync(writer)
  const report = runPrepared(prepared, { fd: writer, finish: close, discard: close }, context)
  report.catch(() => {})
  return { packets: reader, report }
}
