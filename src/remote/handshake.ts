/**
 * The handshake of a WebSocket (RFC 6455 §4.1), over whatever leads to the service. A connection of our own is read into
 * buffers that are used again: what node makes for each read would cost more than the packets in it.
 */
import { createHash, randomBytes } from 'node:crypto'
import { type ClientRequest, type IncomingMessage, request as plainRequest, type RequestOptions } from 'node:http'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { guarded, setTimeout } from '../base/timers.ts'
import { connectionOptions } from './connection.ts'
import { connectionFailure, lostUpgrade, silentService, statusFailure, strangeAnswer } from './failure.ts'
import { authorization, type RemoteService } from './service.ts'

/** A connection after its handshake. */
export interface Upgraded {
  readonly socket: Duplex
  /** What came together with the answer. */
  readonly head: Buffer
  /** Hands on what comes from now on; where it comes in buffers of our own, those. */
  readonly reading: Reading
}

/** Who takes what comes; the bytes are at the start of a buffer, which is the taker's until it is given back. */
export type Take = (buffer: Buffer, bytes: number, release: () => void) => void

/** The reading of a connection. */
export interface Reading {
  begin(take: Take): void
  pause(): void
  resume(): void
  isPaused(): boolean
}

/** Milliseconds for the handshake, and for the words of a refusal. */
const handshakeTimeout = 15_000
const refusalTimeout = 5_000

/**
 * Asks a service for a WebSocket.
 * @throws RemoraError when there is none; the reason of the signal when that aborts
 */
export async function shakeHands(
  service: RemoteService,
  path: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Upgraded> {
  const options = await connectionOptions(service)
  signal.throwIfAborted()
  const key = randomBytes(16).toString('base64')
  const url = new URL(options.socketPath === undefined ? service.base + path : `http://localhost${path}`)
  const own = options.agent === undefined && url.protocol === 'http:' ? pooledReading() : undefined
  const request: RequestOptions = {
    ...options,
    headers: {
      ...headers,
      ...authorization(service),
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': key,
    },
    ...(own && { createConnection: (to: RequestOptions) => own.connect(to as NetConnectOpts) }),
  }
  const open = url.protocol === 'https:' ? (await import('node:https')).request : plainRequest
  signal.throwIfAborted()
  const outgoing = open(url, request)
  const abort = () => outgoing.destroy(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    const { socket, head, response } = await answer(service, outgoing)
    const fault = faultOf(response, key)
    if (fault !== undefined) {
      socket.destroy()
      throw strangeAnswer(service, fault)
    }
    return { socket, head, reading: own ?? streamReading(socket) }
  } catch (error) {
    outgoing.destroy()
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

interface Answered extends Pick<Upgraded, 'socket' | 'head'> {
  readonly response: IncomingMessage
}

function answer(service: RemoteService, outgoing: ClientRequest): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>()
  const timer = setTimeout(() => {
    reject(silentService(service, 'did not answer in time'))
  }, handshakeTimeout)
  outgoing.on('error', error => reject(connectionFailure(service, error)))
  outgoing.once(
    'upgrade',
    guarded((response, socket, head) => {
      socket.on('error', () => {})
      resolve({ response, socket, head })
    }),
  )
  outgoing.once(
    'response',
    guarded(response => {
      const chunks: Buffer[] = []
      response.on('error', () => {})
      response.on(
        'data',
        guarded((chunk: Buffer) => {
          if (chunks.length < 16) chunks.push(chunk)
        }),
      )
      const refuse = () => {
        const body = Buffer.concat(chunks).toString()
        reject(isPlainAnswer(response) ? lostUpgrade(service) : statusFailure(service, response.statusCode ?? 0, body))
      }
      response.once('end', refuse)
      response.once('close', refuse)
      response.setTimeout(refusalTimeout, refuse)
    }),
  )
  outgoing.end()
  return promise.finally(() => clearTimeout(timer))
}

/**
 * Whether the service saw a request without Upgrade: 426 and any success say so, and the original answers 400 with the version
 * it would have spoken.
 */
function isPlainAnswer({ statusCode = 0, headers }: IncomingMessage): boolean {
  if (statusCode === 426 || (statusCode >= 200 && statusCode < 300)) return true
  return statusCode === 400 && headers['sec-websocket-version'] !== undefined
}

/** What is wrong with an answer: it is one to something else, or has what nobody offered. */
function faultOf({ headers }: IncomingMessage, key: string): string | undefined {
  const expected = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  if (headers.upgrade?.toLowerCase() !== 'websocket') return 'upgrades to something else than a WebSocket'
  if (headers['sec-websocket-accept'] !== expected) return 'answers another WebSocket handshake (Sec-WebSocket-Accept)'
  if (headers['sec-websocket-extensions'] !== undefined)
    return 'uses a WebSocket extension nobody offered (Sec-WebSocket-Extensions)'
  return headers['sec-websocket-protocol'] === undefined
    ? undefined
    : 'uses a WebSocket subprotocol nobody offered (Sec-WebSocket-Protocol)'
}

const bufferSize = 64 * 1024
/** Buffers that are kept for the next reads. */
const mostKept = 16

/** A connection that is read into buffers of our own, and how it is made. */
function pooledReading(): Reading & { connect(to: NetConnectOpts): Socket } {
  const free: Buffer[] = []
  const make = () => free.pop() ?? Buffer.allocUnsafeSlow(bufferSize)
  let buffer = make()
  let isPaused = false
  let socket: Socket | undefined
  let take: Take | undefined
  const onRead = (bytes: number): boolean => {
    if (take === undefined) {
      // The handshake is node's to read.
      socket?.emit('data', Buffer.from(buffer.subarray(0, bytes)))
      return true
    }
    const full = buffer
    // Asked for right after this call, for the next read.
    buffer = make()
    take(full, bytes, () => void (free.length < mostKept && free.push(full)))
    return !isPaused
  }
  return {
    connect(to) {
      socket = connect({ ...to, onread: { buffer: () => buffer, callback: onRead } })
      return socket
    },
    begin(taker) {
      take = taker
      socket?.resume()
    },
    pause() {
      isPaused = true
      socket?.pause()
    },
    resume() {
      isPaused = false
      socket?.resume()
    },
    isPaused: () => isPaused,
  }
}

/** The reading of a connection that others made: over TLS, or through a proxy. */
function streamReading(socket: Duplex): Reading {
  return {
    begin: take => void socket.on('data', (chunk: Buffer) => take(chunk, chunk.length, () => {})),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    isPaused: () => socket.isPaused(),
  }
}
