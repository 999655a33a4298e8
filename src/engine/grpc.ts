/**
 * gRPC over a unix socket, as containerd and the CRI speak it: one connection for one purpose, closed when that is done.
 * It is never dialled again by itself. node:http2 takes 10 ms to load, so it is loaded when somebody listens at the socket.
 */
import type { ClientHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { RemoraError } from '../base/errors.ts'
import { startSuspendProofTimer } from '../base/suspend-proof-timer.ts'
import { connectTo } from './connect.ts'
import { exchange, StatusError } from './grpc-stream.ts'
import type { Method } from './messages.ts'
import { type Decoded, decode, type Encodable, encode, type Message } from './protobuf.ts'
import { unreachable } from './unreachable.ts'

/** Methods are called on it; whatever fails is a RemoraError FORBIDDEN or PEER_FAILED, or the reason of the signal. */
export interface Connection {
  /**
   * Asks one question.
   * @param metadata headers of the call
   */
  call<Request extends Message, Answer extends Message>(
    method: Method<Request, Answer>,
    request: Encodable<Request>,
    metadata?: Record<string, string>,
  ): Promise<Decoded<Answer>>
  /** Listens until the signal aborts; an end before that is a failure. */
  listen<Request extends Message, Answer extends Message>(
    method: Method<Request, Answer>,
    request: Encodable<Request>,
    listener: Listener<Answer>,
  ): Promise<void>
}

interface Listener<Answer extends Message> {
  /** Any question that the peer answers: the answer to it comes after the peer has begun to work on the stream. */
  readonly probe: Method<Message, Message>
  /** Called once: whatever happens from now on is told. */
  onReady(): void
  onMessage(message: Decoded<Answer>): void
}

/** Status codes that mean something else than a failure (grpc.github.io/grpc/core/md_doc_statuscodes.html). */
const statusCodes = { NOT_FOUND: 5, UNIMPLEMENTED: 12 } as const

/** Milliseconds a single answer may take, where the signal does not end it earlier. */
const answerTimeoutMs = 10_000
/**
 * Milliseconds after which a stream surely works. No server says so before its first message, and on a busy machine an
 * answer to a later question overtakes it now and then (docs/internals/discoveries/2026-11-21-containerd-events.md).
 */
const settlingMs = 100

/**
 * Connects to a socket, for as long as `use` takes.
 * @throws RemoraError FORBIDDEN or PEER_FAILED; the reason of the signal when that aborts; what `use` throws
 */
export async function withConnection<T>(
  socketPath: string,
  signal: AbortSignal,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const socket = connectTo(socketPath)
  try {
    await untilConnected(socket, socketPath)
    const { connect } = await import('node:http2')
    signal.throwIfAborted()
    const session = connect('http://localhost', { createConnection: () => socket, settings: { enablePush: false } })
    // Its calls fail with it, and tell.
    session.on('error', () => {})
    return await use(connectionOver(session, socketPath, signal))
  } finally {
    socket.destroy()
  }
}

/** A unix socket answers at once, or not at all (connect(2)). */
function untilConnected(socket: Socket, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    socket.on('error', error => reject(unreachable(socketPath, error)))
  })
}

function connectionOver(session: ClientHttp2Session, socketPath: string, signal: AbortSignal): Connection {
  const failure = (error: unknown) => {
    if (signal.aborted) return signal.reason
    return error instanceof RemoraError ? error : unreachable(socketPath, error as Error)
  }
  const call: Connection['call'] = async (method, request, metadata = {}) => {
    try {
      return await ask(session, method, request, metadata, signal)
    } catch (error) {
      throw failure(error)
    }
  }
  const listen: Connection['listen'] = async (method, request, { probe, onReady, onMessage }) => {
    const stop = new AbortController()
    const either = AbortSignal.any([signal, stop.signal])
    const settle = async () => {
      await call(probe, {})
      await sleep(settlingMs, undefined, { signal: either })
      onReady()
    }
    const { path, answer } = method
    const message = encode(method.request, request)
    const take = (bytes: Buffer) => onMessage(decode(answer, bytes))
    try {
      const streaming = exchange(session, { path, headers: {}, message, signal: either, onMessage: take })
      await Promise.all([streaming.then(() => Promise.reject(new Error('the engine ended the stream'))), settle()])
    } catch (error) {
      if (!signal.aborted) throw failure(error)
    } finally {
      stop.abort()
    }
  }
  return { call, listen }
}

/** Makes a call that has one answer. */
async function ask<Request extends Message, Answer extends Message>(
  session: ClientHttp2Session,
  { path, request, answer }: Method<Request, Answer>,
  question: Encodable<Request>,
  metadata: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Decoded<Answer>> {
  const late = new AbortController()
  const cancel = startSuspendProofTimer(answerTimeoutMs, () => late.abort())
  let bytes: Buffer | undefined
  try {
    await exchange(session, {
      path,
      headers: { ...metadata, 'grpc-timeout': `${answerTimeoutMs}m` },
      message: encode(request, question),
      signal: AbortSignal.any([signal, late.signal]),
      onMessage(message) {
        if (bytes !== undefined) throw new Error('it answered more than once')
        bytes = message
      },
    })
  } catch (error) {
    throw late.signal.aborted ? new Error(`it did not answer within ${answerTimeoutMs / 1000} s`) : error
  } finally {
    cancel()
  }
  if (bytes === undefined) throw new Error('its answer is empty')
  return decode(answer, bytes)
}

/** Connects to a socket until the signal aborts, which is no failure then. */
export async function untilAborted(
  socketPath: string,
  signal: AbortSignal,
  use: (connection: Connection) => Promise<void>,
): Promise<void> {
  try {
    await withConnection(socketPath, signal, use)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Whether a call failed with a certain status. */
export function failedWith(error: unknown, status: keyof typeof statusCodes): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof StatusError && cause.status === statusCodes[status]
}

/** An answer; nothing where the peer does not know what was asked for. */
export async function unlessUnknown<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (failedWith(error, 'NOT_FOUND')) return undefined
    throw error
  }
}
