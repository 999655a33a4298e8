/**
 * A capture as a stream within this process, for whoever hands the packets on. It flows as fast as it is read: behind a
 * slow reader dumpcap waits at the pipe, and the kernel counts what it had to throw away. So nothing piles up here.
 */
import { closeSync } from 'node:fs'
import { type LocalPipe, makePipes } from '../linux/files/fifo.ts'
import { type PipeReader, readPipe } from '../linux/files/pipe-reader.ts'
import { runPrepared } from './capture.ts'
import { claimPrepared } from './claim.ts'
import type { PacketStream } from './merged/streams.ts'
import { type PreparedCapture, prepareCapture } from './prepare/prepare.ts'
import type { CaptureContext } from './request/context.ts'
import type { CaptureReport, RunOptions } from './request/report.ts'
import type { CaptureRequest } from './request/request.ts'

/** A running capture, to be read. */
export interface CaptureStream {
  /** The capture (pcapng); destroying it ends the capture. */
  readonly packets: PipeReader
  /** Settles when the capture has ended, which does not wait for the stream to be read. */
  readonly report: Promise<CaptureReport>
}

/** A capture that may begin, and what it will flow through. */
export interface PreparedStream {
  readonly prepared: PreparedCapture
  /** Takes the ends of the pipe, once; they are the caller's then. */
  takePipe(): LocalPipe
  /** Releases all of it that was not taken over. Again does nothing. */
  close(): void
}

/**
 * Prepares a capture, and its pipe meanwhile: that takes a process.
 * @throws RemoraError as a capture does that is prepared; the reason of the signal when that aborts
 */
export async function prepareStream(
  request: CaptureRequest,
  context: CaptureContext,
  signal?: AbortSignal,
): Promise<PreparedStream> {
  let making: Promise<LocalPipe[]> | undefined
  // Not before there is something to capture: a request that means nothing starts nothing.
  const onFound = () => {
    making ??= makePipes(1)
    making.catch(() => {})
  }
  try {
    const prepared = await prepareCapture(request, { ...context, onFound }, signal)
    try {
      onFound()
      const [pipe] = (await making) ?? []
      return preparedStream(prepared, pipe)
    } catch (error) {
      prepared.close()
      throw error
    }
  } catch (error) {
    making?.then(
      pipes => pipes.forEach(closePipe),
      () => {},
    )
    throw error
  }
}

function preparedStream(prepared: PreparedCapture, pipe: LocalPipe | undefined): PreparedStream {
  let left = pipe
  let isOpen = true
  return {
    prepared,
    takePipe() {
      const taken = left
      left = undefined
      if (taken === undefined) throw new Error('the pipe was taken already')
      return taken
    },
    close() {
      if (left !== undefined) closePipe(left)
      left = undefined
      if (isOpen) prepared.close()
      isOpen = false
    },
  }
}

function closePipe({ reader, writer }: LocalPipe): void {
  closeSync(reader)
  closeSync(writer)
}

/**
 * What was prepared earlier, as if it were prepared now; undefined, and closed, when it would be another capture by now.
 * @param ownStream connections that will carry the capture away, by request
 * @param buffer MiB of kernel buffer for all interfaces of a target together
 */
export function claimStream(
  stream: PreparedStream,
  now: Pick<CaptureRequest, 'ownStream'> & { readonly buffer: number },
): PreparedStream | undefined {
  const prepared = claimPrepared(stream.prepared, now)
  if (prepared !== undefined) return { ...stream, prepared }
  stream.close()
  return undefined
}

/** Starts a prepared capture. */
export function openCaptureStream(
  stream: PreparedStream,
  context: CaptureContext & Omit<RunOptions, 'lifetime'>,
): CaptureStream {
  const pipe = stream.takePipe()
  const packets = readPipe(pipe.reader)
  const close = () => closeSync(pipe.writer)
  const report = runPrepared(stream.prepared, { fd: pipe.writer, finish: close, discard: close }, context)
  report.catch(() => {})
  return { packets, report }
}

/**
 * Starts a capture that a merge of several hosts takes.
 * @param host name of this host among them
 * @throws RemoraError as a capture does that is prepared; the reason of the signal when that aborts
 */
export async function openPacketStream(
  host: string,
  request: CaptureRequest,
  context: CaptureContext & Omit<RunOptions, 'lifetime'>,
  signal?: AbortSignal,
): Promise<PacketStream> {
  const stream = await prepareStream(request, context, signal)
  const pipe = stream.takePipe()
  const [stop, kill] = [new AbortController(), new AbortController()]
  const armed = Promise.withResolvers<boolean>()
  const close = () => closeSync(pipe.writer)
  const report = runPrepared(
    stream.prepared,
    { fd: pipe.writer, finish: close, discard: close },
    {
      ...context,
      lifetime: { stop: stop.signal, kill: kill.signal },
      onArmed: () => armed.resolve(true),
    },
  )
  const onEnd = () => {
    stream.close()
    armed.resolve(false)
  }
  report.then(onEnd, onEnd)
  return {
    ...{ host, input: { fd: pipe.reader }, ready: armed.promise, report },
    stop: () => stop.abort('stopped'),
    kill() {
      stop.abort('killed')
      kill.abort('killed')
    },
  }
}
