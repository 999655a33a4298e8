/**
 * The client's end of a capture over a WebSocket. It takes what stock services really send: empty frames, any borders, text
 * where none should be, a close code that must not be, or no close at all; and asks now and then whether they still live.
 */
import type { IncomingMessage } from 'node:http'
import { type ClientOptions, type RawData, WebSocket } from 'ws'
import type { RemoraError } from '../base/errors.ts'
import { setInterval } from '../base/timers.ts'
import { closeFrameLimit, faultyClose } from '../packetflix/close.ts'
import { connectionOptions } from './connection.ts'
import { connectionFailure, lostUpgrade, silentService, statusFailure } from './failure.ts'
import { authorization, type RemoteService } from './service.ts'

/** A capture that comes in. */
export interface RemoteStream {
  /** Settles when the connection is over; what was received has been taken by then. */
  readonly ended: Promise<StreamEnd>
  /** Asks the service to end; what it still has to say comes before `ended`. */
  close(): void
  /** Ends at once. */
  destroy(): void
}

/** How its connection ended: with a close frame (RFC 6455 §7.1.5), or by breaking. */
export interface StreamEnd {
  /** Code of the close frame; undefined when the connection broke. */
  readonly code: number | undefined
  readonly reason: string
  /** Why it broke. */
  readonly failure?: RemoraError
}

/** Who takes what comes. */
export interface StreamTaker {
  /** Takes a piece of the capture; nothing more is read while much waits for it. A failure ends the connection. */
  take(chunk: Buffer): Promise<void>
  /** Takes a text frame. */
  note(text: string): void
}

/** Milliseconds for the handshake, between pings, and for the answer to our close frame. */
const handshakeTimeout = 15_000
const pingInterval = 20_000
const closeTimeout = 5_000

/** Bytes of one message; the original sends 32 KiB at most. */
const longestMessage = 16 * 1024 * 1024
/** Bytes that may wait for the taker. */
const mostWaiting = 1024 * 1024

interface DialOptions {
  readonly headers?: Record<string, string>
  readonly taker: StreamTaker
  readonly signal: AbortSignal
  /** Milliseconds between pings; without an answer to two of them the service counts as gone. */
  readonly interval?: number
}

/**
 * Dials a service.
 * @param path below the base, with the query
 * @throws RemoraError when the handshake fails
 */
export async function dial(
  service: RemoteService,
  path: string,
  { headers, taker, signal, interval = pingInterval }: DialOptions,
): Promise<RemoteStream> {
  const { socketPath, ...options } = await connectionOptions(service)
  signal.throwIfAborted()
  const address =
    socketPath === undefined ? service.base.replace(/^http/, 'ws') + path : `ws+unix:${socketPath}:${path}`
  const clientOptions: ClientOptions & { closeTimeout: number } = {
    ...options,
    headers: { ...headers, ...authorization(service) },
    handshakeTimeout,
    closeTimeout,
    perMessageDeflate: false,
    maxPayload: longestMessage,
  }
  const socket = new WebSocket(address, clientOptions)
  const stream = follow(service, socket, taker, interval)
  const abort = () => socket.terminate()
  signal.addEventListener('abort', abort, { once: true })
  try {
    await opened(service, socket)
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
  return stream
}

async function opened(service: RemoteService, socket: WebSocket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.once('open', resolve)
  socket.once('error', error => reject(connectionFailure(service, error)))
  socket.once('unexpected-response', (_, response) => {
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => {
      if (chunks.length < 16) chunks.push(chunk)
    })
    const refuse = () => {
      const body = Buffer.concat(chunks).toString()
      reject(isPlainAnswer(response) ? lostUpgrade(service) : statusFailure(service, response.statusCode ?? 0, body))
      // The library leaves it to us to end what has not begun.
      socket.terminate()
    }
    response.once('end', refuse)
    response.once('close', refuse)
    response.setTimeout(closeTimeout, refuse)
  })
  await promise
}

/**
 * Whether the service saw a request without Upgrade: 426 and any success say so, and the original answers 400 with the version
 * it would have spoken.
 */
function isPlainAnswer({ statusCode = 0, headers }: IncomingMessage): boolean {
  if (statusCode === 426 || (statusCode >= 200 && statusCode < 300)) return true
  return statusCode === 400 && headers['sec-websocket-version'] !== undefined
}

function follow(service: RemoteService, socket: WebSocket, taker: StreamTaker, interval: number): RemoteStream {
  const ended = Promise.withResolvers<StreamEnd>()
  const tail = keepTail(socket)
  let taking: Promise<void> | undefined
  let pieces: Buffer[] = []
  let waiting = 0
  let failure: RemoraError | undefined
  let refused = false
  let lastSign = performance.now()
  const sign = () => {
    lastSign = performance.now()
  }
  /** What comes while the taker is busy is one piece for it: at high rates a write costs more than the bytes in it. */
  const takeAll = async () => {
    while (pieces.length > 0) {
      const [first, ...others] = pieces
      const piece = others.length === 0 && first !== undefined ? first : Buffer.concat(pieces)
      pieces = []
      await taker.take(piece)
      waiting -= piece.length
      if (waiting <= mostWaiting / 2 && socket.isPaused) {
        sign()
        socket.resume()
      }
    }
    taking = undefined
  }
  socket.on('message', (data: RawData, isBinary) => {
    sign()
    const chunk = data as Buffer
    if (!isBinary) return taker.note(chunk.toString())
    if (chunk.length === 0 || failure !== undefined || refused) return
    waiting += chunk.length
    if (waiting > mostWaiting) socket.pause()
    pieces.push(chunk)
    taking ??= takeAll().catch(error => {
      refused = true
      failure ??= connectionFailure(service, error)
      socket.terminate()
    })
  })
  for (const event of ['pong', 'ping'] as const) socket.on(event, sign)
  const timer = setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN) return
    socket.ping()
    if (socket.isPaused || performance.now() - lastSign < interval * 1.7) return
    failure = silentService(service, `has given no sign of life for ${(2 * interval) / 1000} s`)
    socket.terminate()
  }, interval)
  socket.on('error', error => {
    failure ??= connectionFailure(service, error)
  })
  socket.once('close', (code, reason) => {
    clearInterval(timer)
    const faulty = faultyClose(tail())
    Promise.resolve(taking).then(() => {
      const isKnown = code !== 1006 && !refused
      ended.resolve(
        faulty ?? { code: isKnown ? code : undefined, reason: reason.toString(), ...(failure && { failure }) },
      )
    })
  })
  return {
    ended: ended.promise,
    close: () => socket.close(1000, 'ciao'),
    destroy: () => socket.terminate(),
  }
}

/**
 * The last bytes of the connection, as they came. The library puts back what came together with the handshake before it
 * listens itself: whoever listened earlier would take it away.
 */
function keepTail(socket: WebSocket): () => Buffer {
  let tail: Buffer = Buffer.alloc(0)
  socket.once('upgrade', response => {
    socket.once('open', () => {
      response.socket.on('data', (chunk: Buffer) => {
        tail = (chunk.length >= closeFrameLimit ? chunk : Buffer.concat([tail, chunk])).subarray(-closeFrameLimit)
      })
    })
  })
  return () => tail
}
