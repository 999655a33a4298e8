/**
 * The way of a capture to its client: a WebSocket, or the body of an answer. One chunk of the pipe is one frame or one
 * write. Backpressure lives in {@link pump}: while the client does not take what it has been sent, nothing more is read.
 */
import type { Readable } from 'node:stream'
import type { RemoraError } from '../base/errors.ts'
import { afterOwnTime } from '../base/own-time.ts'
import { restAfter } from '../base/rest.ts'
import type { CaptureReport } from '../capture/report.ts'
import type { CaptureNote } from '../packetflix/notes.ts'

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
export interface Source {
  readonly packets: Readable
  /** Settles when nothing more will be captured: from then on the rest must be taken, or is thrown away. */
  readonly over: Promise<unknown>
  /** Throws it away at once. */
  readonly kill: AbortSignal
}

/** Sends a piece; calls back when it has been handed to the kernel, with an error when the client has gone. */
export type Send = (chunk: Buffer, done: (error?: Error | null) => void) => void

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
    if (isOver && !isDone) cancel = afterOwnTime(patience, lose)
  }
  for (const signal of [gone, kill]) signal.addEventListener('abort', lose, { once: true })
  packets.on('data', (chunk: Buffer) => {
    restAfter(chunk.length)
    pending += chunk.length
    if (pending > most) packets.pause()
    send(chunk, error => {
      if (error) return lose()
      pending -= chunk.length
      onSent(chunk.length)
      if (pending <= most / 2) packets.resume()
      settle()
    })
  })
  packets.once('close', () => {
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
