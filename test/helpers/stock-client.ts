/**
 * A capture client that behaves as csharg does on top of gorilla/websocket, for tests of our capture service: the
 * parameters go into the query and into `Clustershark-*` headers, a close is "1000 ciao" with ten seconds for the
 * answer, a text frame is a failure. It is stricter than gorilla where RFC 6455 is: a server that breaks it shows in
 * `closed.protocolError`.
 */
import { randomBytes } from 'node:crypto'
import { type IncomingHttpHeaders, type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { until } from './command.ts'
import { type CaptureParameters, encodeParameters } from './stock-parameters.ts'
import { acceptFor, closePayload, type Frame, frame, frameReader, opcodes, readClose } from './websocket.ts'

/** Where the service is: a URL with or without a path, or a unix socket. */
export type Base = string | { readonly socketPath: string }

export interface CaptureOptions extends CaptureParameters {
  readonly base: Base
  readonly answerPings?: boolean
  /** False for a client that never reads, until `stop()`; it notices no end either, save its own `destroy()`. */
  readonly read?: boolean
  /** Takes any certificate. */
  readonly insecure?: boolean
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface Closed {
  /** The code received, 1005 for a close frame without; undefined if there was no (legal) close frame. */
  readonly code: number | undefined
  readonly reason: string
  /** Both sides sent a close frame. */
  readonly clean: boolean
  readonly protocolError: string | undefined
}

export interface Capture {
  /** The answer to the handshake, 101 if all is well; rejected if there is none, or a bad one. */
  readonly status: Promise<Answer>
  /** Settled once the connection is gone; never rejected. */
  readonly closed: Promise<Closed>
  /** The connection; there is one after a status of 101. */
  readonly socket: Socket
  bytes(): Buffer
  frames(): readonly { opcode: number; length: number }[]
  /** All bytes, once there are so many; rejected if the connection ends before. */
  waitForBytes(count: number, timeout?: number): Promise<Buffer>
  sendText(content: string): void
  sendPing(content?: string): void
  /** Closes as csharg does, and takes what still comes. */
  stop(): Promise<Closed>
  /** Drops the connection without a word. */
  destroy(): void
}

/** Starts a capture. */
export function stockCapture(options: CaptureOptions): Capture {
  const { answerPings = true, read = true } = options
  const frames: { opcode: number; length: number }[] = []
  const data: Buffer[] = []
  const reader = frameReader(false)
  const key = randomBytes(16).toString('base64')
  const status = Promise.withResolvers<Answer>()
  const closed = Promise.withResolvers<Closed>()
  status.promise.catch(() => {})
  let size = 0
  let socket: Socket | undefined
  let hasSentClose = false
  let isOver = false
  let outcome: Closed = { code: undefined, reason: '', clean: false, protocolError: undefined }

  const { query, headers } = encodeParameters(options)
  const upgrade = {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
  }
  const outgoing = startRequest(options.base, `/capture${query}`, { ...upgrade, ...headers }, options.insecure)
  outgoing.once('error', fail)
  outgoing.once('response', async response => {
    try {
      status.resolve(await readAnswer(response))
      closed.resolve(outcome)
    } catch (error) {
      fail(error as Error)
    }
  })
  outgoing.once('upgrade', (response, connection: Socket, head) => {
    const problem = handshakeProblem(response, key)
    if (problem !== undefined) {
      connection.destroy()
      outcome = { ...outcome, protocolError: problem }
      return fail(new Error(problem))
    }
    socket = connection
    connection.on('error', () => {})
    connection.once('close', () => {
      isOver = true
      closed.resolve(outcome)
    })
    connection.on('data', take)
    if (!read) connection.pause()
    if (head.length > 0) connection.unshift(head)
    status.resolve({ status: 101, headers: response.headers, text: '' })
  })
  outgoing.end()

  function fail(error: Error): void {
    isOver = true
    status.reject(error)
    closed.resolve(outcome)
  }

  function take(chunk: Buffer): void {
    if (isOver) return
    try {
      for (const received of reader.push(chunk)) {
        takeFrame(received)
        if (isOver) return
      }
    } catch (error) {
      giveUp(1002, (error as Error).message)
    }
  }

  function takeFrame({ opcode, payload }: Frame): void {
    frames.push({ opcode, length: payload.length })
    if (opcode === opcodes.text) giveUp(1003, 'a text frame')
    if (opcode === opcodes.ping && answerPings) send(opcodes.pong, payload)
    if (opcode === opcodes.close) takeClose(payload)
    if (opcode !== opcodes.binary && opcode !== opcodes.continuation) return
    data.push(payload)
    size += payload.length
  }

  function takeClose(payload: Buffer): void {
    const { code, reason } = readClose(payload)
    outcome = { code, reason, clean: true, protocolError: undefined }
    sendClose(code)
    // Not at once: what follows the close frame in the same chunk is still to be complained about.
    setImmediate(() => socket?.destroySoon())
  }

  function giveUp(code: number, protocolError: string): void {
    isOver = true
    outcome = { code: undefined, reason: '', clean: false, protocolError }
    sendClose(code)
    socket?.destroySoon()
  }

  function send(opcode: number, payload: Uint8Array): void {
    if (socket?.writable && !hasSentClose) socket.write(frame(opcode, payload, true))
  }

  function sendClose(code: number, reason?: string): void {
    send(opcodes.close, closePayload(code, reason))
    hasSentClose = true
  }

  return {
    status: status.promise,
    closed: closed.promise,
    get socket() {
      if (socket === undefined) throw new Error('there is no connection')
      return socket
    },
    bytes: () => Buffer.concat(data),
    frames: () => frames,
    async waitForBytes(count, timeout = 10_000) {
      await until(`${count} bytes have come`, () => isOver || size >= count, timeout)
      if (size < count) throw new Error(`the connection ended after ${size} of ${count} bytes`)
      return Buffer.concat(data)
    },
    sendText: content => send(opcodes.text, Buffer.from(content)),
    sendPing: (content = '') => send(opcodes.ping, Buffer.from(content)),
    async stop() {
      await status.promise.catch(() => {})
      sendClose(1000, 'ciao')
      socket?.resume()
      const timer = setTimeout(() => socket?.destroy(), 10_000)
      return closed.promise.finally(() => clearTimeout(timer))
    },
    destroy() {
      outgoing.destroy()
      socket?.destroy()
    },
  }
}

/** Asks for a document. */
export async function stockGet(base: Base, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = Promise.withResolvers<IncomingMessage>()
  startRequest(base, path, headers, true).once('error', response.reject).once('response', response.resolve).end()
  return readAnswer(await response.promise)
}

function startRequest(base: Base, path: string, headers: Record<string, string>, insecure = false) {
  if (typeof base !== 'string') return requestPlain({ socketPath: base.socketPath, path, headers, agent: false })
  const { protocol, hostname, port, pathname } = new URL(base)
  const options = {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    path: pathname.replace(/\/$/, '') + path,
    headers,
    agent: false,
    ...(port !== '' && { port }),
  }
  const isSecure = protocol === 'https:' || protocol === 'wss:'
  return isSecure ? requestSecure({ ...options, rejectUnauthorized: !insecure }) : requestPlain(options)
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  return { status: response.statusCode ?? 0, headers: response.headers, text: await text(response) }
}

/** RFC 6455, section 4.1: what the answer of a server must and must not say. */
function handshakeProblem({ headers }: IncomingMessage, key: string): string | undefined {
  if (headers.upgrade?.toLowerCase() !== 'websocket') return `the handshake upgrades to ${headers.upgrade}`
  if (headers['sec-websocket-accept'] !== acceptFor(key)) return 'the handshake does not fit the key'
  if (headers['sec-websocket-extensions'] !== undefined) return 'the handshake has an extension nobody asked for'
  if (headers['sec-websocket-protocol'] !== undefined) return 'the handshake has a protocol nobody asked for'
  return undefined
}
