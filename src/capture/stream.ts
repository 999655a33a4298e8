/**
 * A capture as a stream within this process, for whoever hands the packets on. It flows as fast as it is read: behind a
 * slow reader dumpcap waits at the pipe, and the kernel counts what it had to throw away. So nothing piles up here.
 */
import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { makePipes } from '../linux/files/fifo.ts'
import { runPrepared } from './capture.ts'
import type { CaptureContext } from './context.ts'
import type { PreparedCapture } from './prepare.ts'
import type { CaptureReport, RunOptions } from './report.ts'

/** A running capture, to be read. */
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
  context: CaptureContext & Omit<RunOptions, 'lifetime'>,
): Promise<CaptureStream> {
  const [pipe = { reader: -1, writer: -1 }] = await makePipes(1)
  const { writer } = pipe
  const reader = new Socket({ fd: pipe.reader, readable: true, writable: false })
  reader.on('error', () => {})
  const close = () => closeSync(writer)
  const report = runPrepared(prepared, { fd: writer, finish: close, discard: close }, context)
  report.catch(() => {})
  return { packets: reader, report }
}
