/**
 * The client's end of a capture over a WebSocket. It takes what stock services really send: empty frames, any borders, text
 * where none should be, a close code that must not be, or no close at all; and asks now and then whether they still live.
 */
import { randomBytes } from 'node:crypto'
import type { RemoraError } from '../base/errors.ts'
import { guarded, setInterval, setTimeout } from '../base/timers.ts'
import { type CloseReason, faultCodes } from '../protocol/packetflix/close.ts'
import { connectionFailure, silentService } from './failure.ts'
import { frameReader, opcodes } from './frames.ts'
import { shakeHands, type Upgraded } from './handshake.ts'
import type { RemoteService } from './service.ts'

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
  /**
   * Takes a piece of the capture; nothing more is read while much waits for it. A failure ends the connection.
   * @param chunk used again when the promise has settled
   */
  take(chunk: Buffer): Promise<void>
  /** Takes a text frame. */
  note(text: string): void
}

/** Milliseconds between pings, and for the answer to our close frame. */
const pingInterval = 20_000
const closeTimeout = 5_000

/** Bytes that may wait for the taker. */
const mostWaiting = 512 * 1024
/** Bytes on their way to the service above which it gets no answers to its pings. */
const mostBehind = 64 * 1024

interface DialOptions {
  readonly headers?: Record<string, string>
  readonly taker: StreamTaker
  readonly signal: AbortSignal
  /** Called when the connection is there, before anything is taken. */
  readonly onOpen?: ((stream: RemoteStream) => void) | undefined
  /** Milliseconds between pings; without an answer to two of them the service counts as gone. */
  readonly interval?: number
}

/**
 * Dials a service.
 * @param path below the base, with the query
 * @throws RemoraError when the handshake fails; the reason of the signal when that aborts
 */
export async function dial(
  service: RemoteService,
  path: string,
  { headers = {}, taker, signal, onOpen, interval = pingInterval }: DialOptions,
): Promise<RemoteStream> {
  const upgraded = await shakeHands(service, path, headers, signal)
  return follow(service, upgraded, { taker, onOpen, interval })
}

function follow(
  service: RemoteService,
  { socket, head, reading }: Upgraded,
  { taker, onOpen, interval }: Pick<DialOptions, 'taker' | 'onOpen'> & { readonly interval: number },
): RemoteStream {
  const ended = Promise.withResolvers<StreamEnd>()
  let end: CloseReason | undefined
  let failure: RemoraError | undefined
  let hasSentClose = false
  let lastSign = performance.now()
  const sign = () => {
    lastSign = performance.now()
  }
  const fail = (error: unknown) => {
    failure ??= connectionFailure(service, error)
    socket.destroy()
  }
  const close = (code: number, reason: string) => {
    if (hasSentClose) return
    hasSentClose = true
    send(socket, opcodes.close, Buffer.concat([Buffer.of(code >> 8, code & 0xff), Buffer.from(reason)]))
    setTimeout(() => socket.destroy(), closeTimeout).unref()
  }
  const reader = frameReader({
    text: taker.note,
    ping(content) {
      if (socket.writableLength < mostBehind) send(socket, opcodes.pong, content)
    },
    pong: sign,
    close(reason) {
      end = reason
      // The service hangs up first (RFC 6455 §7.1.1).
      close(faultCodes.has(reason.code) ? 1002 : reason.code, '')
    },
  })
  const queue = takeInTurn(taker, reading, sign, fail)
  const take = (buffer: Buffer, bytes: number, release: () => void) => {
    sign()
    const content = reader.read(buffer, bytes)
    if (content.length > 0 && !socket.destroyed) queue.put(content, release)
    else release()
    if (reader.fault !== undefined) fail(reader.fault)
  }
  const timer = setInterval(() => {
    if (hasSentClose) return
    send(socket, opcodes.ping, Buffer.alloc(0))
    if (reading.isPaused() || performance.now() - lastSign < interval * 1.7) return
    fail(silentService(service, `has given no sign of life for ${(2 * interval) / 1000} s`))
  }, interval)
  socket.on('error', () => {})
  socket.once('end', () => socket.end())
  socket.once(
    'close',
    guarded(async () => {
      clearInterval(timer)
      await queue.done()
      const known = failure === undefined ? end : undefined
      ended.resolve({ code: known?.code, reason: known?.reason ?? '', ...(failure && { failure }) })
    }),
  )
  const stream = { ended: ended.promise, close: () => close(1000, 'ciao'), destroy: () => void socket.destroy() }
  onOpen?.(stream)
  if (head.length > 0) take(head, head.length, () => {})
  reading.begin(take)
  return stream
}

/** Bytes of a piece that is put together with others while the taker is busy, and of what they are put together in. */
const small = 16 * 1024
const gathered = 64 * 1024

/** What waits for a taker, who takes one piece at a time: at high rates a write costs more than the bytes in it. */
interface Queue {
  put(piece: Buffer, release: () => void): void
  /** Settles when all has been taken. */
  done(): Promise<void>
}

/** What waits: the first bytes of a buffer. */
interface Waiting {
  readonly buffer: Buffer
  length: number
  readonly release: () => void
}

function takeInTurn(
  taker: StreamTaker,
  reading: Upgraded['reading'],
  onResume: () => void,
  onFailure: (error: unknown) => void,
): Queue {
  const pieces: Waiting[] = []
  const free: Buffer[] = []
  let waiting = 0
  let taking: Promise<void> | undefined
  let isRefused = false
  const takeAll = async () => {
    for (let next = pieces.shift(); next !== undefined; next = pieces.shift()) {
      const { buffer, length } = next
      await taker.take(buffer.length === length ? buffer : buffer.subarray(0, length))
      next.release()
      waiting -= length
      if (waiting > mostWaiting / 2 || !reading.isPaused()) continue
      onResume()
      reading.resume()
    }
    taking = undefined
  }
  return {
    put(piece, release) {
      if (isRefused) return
      waiting += piece.length
      const last = pieces.at(-1)
      if (last !== undefined && last.length + piece.length <= last.buffer.length) {
        last.buffer.set(piece, last.length)
        last.length += piece.length
        release()
      } else if (taking !== undefined && piece.length < small) {
        const buffer = free.pop() ?? Buffer.allocUnsafeSlow(gathered)
        buffer.set(piece)
        release()
        pieces.push({ buffer, length: piece.length, release: () => void (free.length < 2 && free.push(buffer)) })
      } else pieces.push({ buffer: piece, length: piece.length, release })
      if (waiting > mostWaiting) reading.pause()
      taking ??= takeAll().catch(error => {
        isRefused = true
        onFailure(error)
      })
    },
    done: async () => taking,
  }
}

/** Sends a frame of at most 125 bytes; a client's are masked (RFC 6455 §5.3). */
function send(socket: Upgraded['socket'], opcode: number, content: Buffer): void {
  if (!socket.writable) return
  const mask = randomBytes(4)
  const masked = content.map((byte, index) => byte ^ (mask[index & 3] ?? 0))
  socket.write(Buffer.concat([Buffer.of(0x80 | opcode, 0x80 | content.length), mask, masked]))
}
