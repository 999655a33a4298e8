/**
 * gRPC over a unix socket, as containerd and the CRI speak it: one connection for one purpose, closed when that is done.
 * It is never dialled again by itself. The library is loaded when first needed, since it takes 20 to 30 ms, and not at
 * all for a socket that this user may not use.
 */
import { closeSync } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChannelCredentials, ServiceError } from '@grpc/grpc-js'
import { RemoraError } from '../base/errors.ts'
import { openPlace } from '../linux/files/file-in-root.ts'
import { hasCapability } from '../linux/process/proc.ts'
import { noSocket } from './connect.ts'
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

/** Bytes of an answer. */
const maximumMessage = 16 * 1024 * 1024
/** Milliseconds a single answer may take, where the signal does not end it earlier. */
const patience = 10_000
/**
 * Milliseconds after which a stream surely works. No server says so before its first message, and on a busy machine an
 * answer to a later question overtakes it now and then (docs/discoveries/2026-11-21-containerd-events.md).
 */
const settling = 100

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
  const descriptor = openPlace(socketPath)
  if (descriptor === undefined) throw unreachable(socketPath, noSocket(socketPath))
  try {
    return await connectAt(`/proc/self/fd/${descriptor}`, socketPath, signal, use)
  } finally {
    closeSync(descriptor)
  }
}

/** @param place leads to the socket, and nowhere else */
async function connectAt<T>(
  place: string,
  socketPath: string,
  signal: AbortSignal,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  // access(2) forgets the capabilities of anyone but root.
  if (!hasCapability('dacOverride'))
    await access(place, constants.W_OK).catch(error => {
      throw unreachable(socketPath, error)
    })
  const { Client, credentials, logVerbosity, Metadata, setLogVerbosity } = await import('@grpc/grpc-js')
  setLogVerbosity(logVerbosity.NONE)
  const sockets = ownSockets(credentials.createInsecure())
  const client = new Client(`unix:${place}`, sockets.credentials, {
    'grpc.enable_channelz': 0,
    'grpc.enable_retries': 0,
    'grpc.max_receive_message_length': maximumMessage,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
  })
  const failure = (error: ServiceError) => (signal.aborted ? signal.reason : refused(socketPath, error))
  /** Cancels a call when the signal aborts; the function returned ends that. */
  const cancelOnAbort = (call: { cancel(): void }) => {
    const cancel = () => call.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    return () => signal.removeEventListener('abort', cancel)
  }
  const connection: Connection = {
    call: (method, request, metadata = {}) =>
      new Promise((resolve, reject) => {
        const headers = new Metadata()
        for (const [key, value] of Object.entries(metadata)) headers.set(key, value)
        const { write, read } = codec(method)
        const limit = { deadline: Date.now() + patience }
        const call = client.makeUnaryRequest(method.path, write, read, request, headers, limit, (error, answer) => {
          done()
          if (error !== null) reject(failure(error))
          else if (answer !== undefined) resolve(answer)
        })
        const done = cancelOnAbort(call)
      }),
    listen: (method, request, { probe, onReady, onMessage }) =>
      new Promise((resolve, reject) => {
        const { write, read } = codec(method)
        const call = client.makeServerStreamRequest(method.path, write, read, request, new Metadata())
        const done = cancelOnAbort(call)
        let over = false
        const end = (error: Error) => {
          if (over) return
          over = true
          done()
          call.cancel()
          if (signal.aborted) resolve()
          else reject(error instanceof RemoraError ? error : refused(socketPath, error))
        }
        call.on('data', message => {
          try {
            if (!over) onMessage(message)
          } catch (error) {
            end(error as Error)
          }
        })
        call.once('end', () => end(new Error('the engine ended the stream')))
        call.on('error', end)
        const settle = async () => {
          await connection.call(probe, {})
          await sleep(settling, undefined, { signal })
          if (!over) onReady()
        }
        settle().catch(end)
      }),
  }
  try {
    signal.throwIfAborted()
    return await use(connection)
  } finally {
    client.close()
    sockets.close()
  }
}

/** Credentials that keep hold of the sockets: the library lets go of one whose peer never greets, and leaves it open. */
function ownSockets(credentials: ChannelCredentials): { credentials: ChannelCredentials; close(): void } {
  const sockets: Socket[] = []
  let closed = false
  const createConnector = credentials._createSecureConnector.bind(credentials)
  credentials._createSecureConnector = (...options) => {
    const connector = createConnector(...options)
    const connect = (socket: Socket) => {
      sockets.push(socket)
      if (closed) socket.destroy()
      return connector.connect(socket)
    }
    return { ...connector, connect }
  }
  const close = () => {
    closed = true
    for (const socket of sockets) socket.destroy()
  }
  return { credentials, close }
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
  const cause = error instanceof Error ? (error.cause as Partial<ServiceError> | undefined) : undefined
  return cause?.code === statusCodes[status]
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

function codec<Request extends Message, Answer extends Message>({ request, answer }: Method<Request, Answer>) {
  return {
    write: (content: Encodable<Request>) => encode(request, content),
    read: (bytes: Buffer): Decoded<Answer> => decode(answer, bytes),
  }
}

/** Characters of a failure that are looked at, and told: the words may be those of the peer. */
const longestReason = 500

/** The library tells of a failed connection only in words, in the middle of others. */
function refused(socketPath: string, error: Error): Error {
  const said = error.message.slice(0, longestReason)
  const [code] = /\bE(?:ACCES|CONNREFUSED)\b/.exec(said) ?? []
  const [, reason = said] = /Last error: (?:Error: )?(.+?)(?: \([\d-]+T[^)]+\))?\. Resolution note:/.exec(said) ?? []
  return unreachable(socketPath, error, { code, reason })
}
