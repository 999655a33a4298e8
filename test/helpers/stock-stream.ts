/**
 * The stream of a stock capture, once its WebSocket is open: binary frames whose borders mean nothing, empty ones in
 * between, and the ways Packetflix ends, or fails to. Frames are those of RFC 6455, save where stock breaks it.
 */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { closePayload, frame, frameReader, opcodes, readClose } from './websocket.ts'

/** A capture file, or the pieces of a stream. */
export type Content = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

export interface StreamOptions {
  /** Payload sizes of the binary frames, one after the other and again; 32768 unless told. */
  readonly chunk?: number | readonly number[]
  /** Puts an empty binary frame before each that is not. */
  readonly emptyFrames?: boolean
  /** Puts a text frame after each binary one. */
  readonly textFrames?: boolean
  readonly answerPings?: boolean
  /** What happens when all is sent; "1000 capture process terminated" unless told. */
  readonly end?: End
}

/**
 * close: a close frame, then whatever the client answers. drop: a TCP reset. fin: a TCP end without a close frame.
 * hang: silence for ever, even when asked. quiet: nothing, as a capture without packets.
 */
export type End = { readonly close: number; readonly reason?: string } | 'drop' | 'fin' | 'hang' | 'quiet'

export interface StockConnection {
  readonly socket: Socket
  /** All that came from the client. */
  readonly frames: readonly { opcode: number; text: string }[]
  /** The client's close frame; its code is 1005 if it has none. */
  readonly close: { code: number; reason: string } | undefined
  /** How the client broke RFC 6455. */
  readonly protocolError: string | undefined
  /** Settled once the client has ended the connection, or it is gone. */
  readonly closed: Promise<void>
}

/** Sends content over an upgraded connection, and obeys the client meanwhile. */
export function serveStream(
  socket: Socket,
  reset: () => void,
  content: Content,
  options: StreamOptions,
): StockConnection {
  const { answerPings = true, end = { close: 1000, reason: 'capture process terminated' } } = options
  const reader = frameReader(true)
  const frames: { opcode: number; text: string }[] = []
  const over = Promise.withResolvers<'over'>()
  let close: StockConnection['close']
  let protocolError: string | undefined
  let hasSentClose = false
  let isHanging = false

  socket.setNoDelay()
  socket.on('data', take)
  socket.once('end', () => isHanging || socket.end())
  socket.once('close', () => over.resolve('over'))
  pump().catch(() => socket.destroy())

  function take(chunk: Buffer): void {
    if (close !== undefined || protocolError !== undefined) return
    try {
      for (const { opcode, payload } of reader.push(chunk)) {
        frames.push({ opcode, text: opcode === opcodes.close ? '' : payload.toString() })
        if (opcode === opcodes.ping && answerPings && !isHanging) send(opcodes.pong, payload)
        if (opcode === opcodes.close) takeClose(payload)
      }
    } catch (error) {
      protocolError = (error as Error).message
      sendClose(1002, protocolError)
      socket.destroySoon()
    }
  }

  /** Echoes the client's code; what the capture had still to say, as its statistics, is never said. */
  function takeClose(payload: Buffer): void {
    close = readClose(payload)
    if (isHanging) return
    over.resolve('over')
    sendClose(close.code, 'ciao')
    socket.destroySoon()
  }

  async function pump(): Promise<void> {
    for await (const piece of pieces(content, options.chunk ?? 32_768, over.promise)) {
      if (options.emptyFrames) await stream(opcodes.binary, Buffer.alloc(0))
      await stream(opcodes.binary, piece)
      if (options.textFrames) await stream(opcodes.text, Buffer.from('ignore me'))
    }
    // A reset throws away what is still on its way, so it comes later than what the kernel has taken.
    await new Promise(resolve => socket.write('', resolve))
    if (hasSentClose || end === 'quiet') return
    if (end === 'hang') isHanging = true
    else if (end === 'fin') socket.end()
    else if (end === 'drop') setTimeout(reset, 100)
    else if (Buffer.byteLength(end.reason ?? '') <= 123) sendClose(end.close, end.reason)
    // A longer reason does not fit a control frame: stock does not shorten it, but drops the connection.
    else socket.destroySoon()
  }

  /** Sends, and waits while the client is slower. */
  async function stream(opcode: number, payload: Uint8Array): Promise<void> {
    if (!send(opcode, payload)) await Promise.race([once(socket, 'drain'), over.promise])
  }

  function send(opcode: number, payload: Uint8Array): boolean {
    return hasSentClose || !socket.writable || socket.write(frame(opcode, payload, false))
  }

  function sendClose(code: number, reason?: string): void {
    send(opcodes.close, closePayload(code, reason))
    hasSentClose = true
  }

  return {
    socket,
    frames,
    get close() {
      return close
    },
    get protocolError() {
      return protocolError
    },
    closed: new Promise(resolve => socket.once('end', resolve).once('close', () => resolve())),
  }
}

/** Cuts content into pieces of the given sizes until it ends, or the connection does. */
async function* pieces(content: Content, chunk: number | readonly number[], over: Promise<'over'>) {
  const sizes = typeof chunk === 'number' ? [chunk] : chunk
  const parts = content instanceof Uint8Array ? [content] : content
  const iterator = Symbol.asyncIterator in parts ? parts[Symbol.asyncIterator]() : parts[Symbol.iterator]()
  let index = 0
  let isOver = false
  over.then(() => {
    isOver = true
  })
  for (;;) {
    // A source may say nothing for ever; the end of the connection must not wait for it.
    const next = await Promise.race([over, iterator.next()])
    if (next === 'over' || next.done) break
    for (let at = 0; at < next.value.length && !isOver; index++) {
      const size = sizes[index % sizes.length] ?? 32_768
      yield next.value.subarray(at, at + size)
      at += size
    }
  }
  // Not awaited: a source that waits would keep us waiting.
  iterator.return?.()
}
