/**
 * The way of a capture to its client: a WebSocket, or the body of an answer. One piece of the pipe is one frame or one
 * write. Backpressure lives in {@link pump}: while the client does not take what it has been sent, nothing more is read.
 */
import type { RemoraError } from '../../base/errors.ts'
import { coalesceReads } from '../../base/read-coalescing.ts'
import { startSuspendProofTimer } from '../../base/suspend-proof-timer.ts'
import type { CaptureReport } from '../../capture/request/report.ts'
import type { CaptureStream } from '../../capture/stream.ts'
import type { CaptureNote } from '../../protocol/v1/notes.ts'

/** A client that a capture is carried to. */
export interface Channel {
  /** Hands on all of the stream; false when the client has gone, or took nothing for too long. */
  take(source: Source, onSent: (bytes: number) => void): Promise<boolean>
  /** Tells what is beside the packets, where the protocol has a place for it. */
  note(note: CaptureNote): void
  /** Ends it well. */
  end(report: CaptureReport, reason: string | undefined): Promise<void>
  /** Ends it with a failure. */
  fail(error: RemoraError): Promise<void>
}

/** What is carried. */
export interface Source extends Pick<CaptureStream, 'packets'> {
  /** Settles when nothing more will be captured: from then on the rest must be taken, or is thrown away. */
  readonly over: Promise<unknown>
  /** Throws it away at once. */
  readonly kill: AbortSignal
}

/** Sends a piece; calls back when it has been handed to the kernel, with an error when the client has gone. */
export type Send = (piece: Piece, done: (error?: Error | null) => void) => void

/** A piece of a capture, in a buffer that is used again. */
export type Piece = Parameters<Parameters<Source['packets']['begin']>[0]>[0]

/** Bytes that may be under way to the client, beside what the kernel holds. */
const most = 256 * 1024
/** Milliseconds after which a client that takes nothing of the last bytes has had its time. */
const patience = 10_000

/**
 * Sends a stream piece by piece.
 * @param gone aborts when the client has gone
 */
export async function pump(
  { packets, over, kill }: Source,
  send: Send,
  onSent: (bytes: number) => void,
  gone: AbortSignal,
): Promise<boolean> {
  const finished = Promise.withResolvers<boolean>()
  let pending = 0
  let ended = false
  let isOver = false
  let isDone = false
  let cancel = () => {}
  const lose = () => finished.resolve(false)
  const settle = () => {
    if (ended && pending === 0) finished.resolve(true)
    cancel()
    if (isOver && !isDone) cancel = startSuspendProofTimer(patience, lose)
  }
  for (const signal of [gone, kill]) signal.addEventListener('abort', lose, { once: true })
  packets.begin(piece => {
    const bytes = piece.end - piece.start
    coalesceReads(bytes)
    pending += bytes
    if (pending > most) packets.pause()
    send(piece, error => {
      if (error) return lose()
      piece.release()
      pending -= bytes
      onSent(bytes)
      if (pending <= most / 2) packets.resume()
      settle()
    })
  })
  packets.ended.then(() => {
    ended = true
    settle()
  })
  // A paused stream does not close, so this is what tells of its end to a client that has stopped reading.
  const begin = () => {
    isOver = true
    settle()
  }
  over.then(begin, begin)
  if (gone.aborted || kill.aborted) lose()
  const whole = await finished.promise
  isDone = true
  cancel()
  for (const signal of [gone, kill]) signal.removeEventListener('abort', lose)
  packets.destroy()
  return whole
}
