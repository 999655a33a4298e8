/**
 * A capture over a WebSocket (RFC 6455). When a remora closes, its close frame is not answered at once: first dumpcap ends,
 * and its last packets and statistics go out; then comes our close frame. A stock client has nowhere to put them: Wireshark
 * has closed the fifo before its plugin closes the connection, and the plugin waits 10 s for the answer once a packet could
 * not be written. So it is answered at once, and what dumpcap still writes is thrown away.
 */
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { RemoraError } from '../../base/errors.ts'
import { guarded, setInterval, setTimeout } from '../../base/timers.ts'
import type { CaptureReport } from '../../capture/request/report.ts'
import { type CloseReason, closeOf, shorten } from '../../protocol/packetflix/close.ts'
import type { CaptureNote } from '../../protocol/v1/notes.ts'
import { type Channel, type Piece, pump, type Send } from './channel.ts'

/** A WebSocket that leaves the answer to a close frame to whoever holds it. */
export class CaptureSocket extends WebSocket {
  /** What the client closed with. */
  asked: CloseReason | undefined
  #concluding = false

  /** Called by the library when the client's close frame has come. */
  override close(code = 1000, reason: string | Buffer = ''): void {
    if (this.#concluding || this.readyState !== WebSocket.OPEN) super.close(code, reason)
    else {
      this.asked = { code, reason: reason.toString() }
      this.emit('asked')
    }
  }

  /** Ends the connection from this side. */
  conclude(code: number, reason: string): void {
    this.#concluding = true
    super.close(code, reason)
  }
}

/** Milliseconds between pings; the second that is not answered makes the client count as gone. */
const pingIntervalMs = 20_000
const maxSilenceMs = 30_000
/** Milliseconds the client has to answer our close frame. */
const closeTimeoutMs = 2_000

/** Bytes on their way to a client above which it is told nothing beside the packets. */
const maxBufferedBytes = 1024 * 1024

interface Watch {
  /** The connection below the WebSocket, into which packets are written as frames. */
  readonly connection: Duplex
  /** The client wants the capture to end. */
  readonly onAsked: () => void
  /** Whether the other machine still answers, for a client whose answers may be stuck behind packets. */
  readonly isAlive: () => Promise<boolean>
  /** Whether it speaks the protocol of the original, without notes and without anything after its close frame. */
  readonly stock: boolean
}

/** The channel of a WebSocket; from now on it is looked after here. */
export function websocketChannel(socket: CaptureSocket, { connection, onAsked, isAlive, stock }: Watch): Channel {
  const gone = new AbortController()
  watchAnswers(socket, isAlive)
  const hasRoom = () => socket.readyState === WebSocket.OPEN && socket.bufferedAmount < maxBufferedBytes
  socket.on(
    'ping',
    guarded(data => {
      if (hasRoom()) socket.pong(data)
    }),
  )
  /** A stock client that has closed; it gets nothing more, and has missed nothing when it goes. */
  const isAnswered = () => stock && socket.asked !== undefined
  socket.on(
    'asked',
    guarded(() => {
      if (stock) conclude(1000, '')
      onAsked()
    }),
  )
  socket.on(
    'error',
    guarded(() => {
      // The client broke the protocol; the library has just named the code for it.
      gone.abort()
      socket.conclude(socket.asked?.code ?? 1002, '')
      setTimeout(() => socket.terminate(), closeTimeoutMs).unref()
    }),
  )
  socket.on(
    'close',
    guarded(() => {
      if (!isAnswered()) gone.abort()
    }),
  )
  const conclude = async (code: number, reason: string) => {
    if (socket.readyState === WebSocket.CLOSED) return
    const closed = new Promise(resolve => socket.once('close', resolve))
    const { asked } = socket
    // A stock client expects its own code back, and this word.
    if (asked === undefined) socket.conclude(code, shorten(reason))
    else socket.conclude(asked.code === 1005 ? 1000 : asked.code, 'ciao')
    const limit = setTimeout(() => socket.terminate(), closeTimeoutMs)
    await closed
    clearTimeout(limit)
  }
  const note = (content: CaptureNote) => {
    if (!stock && hasRoom()) socket.send(JSON.stringify(content))
  }
  return {
    take(source, onSent) {
      const send: Send = (piece, done) => {
        const sent = (error?: Error | null) => done(isAnswered() ? undefined : error)
        if (isAnswered()) done()
        else if (socket.readyState === WebSocket.OPEN) connection.write(binaryFrame(piece), sent)
        else done(new Error('the connection is closed'))
      }
      const count = (bytes: number) => {
        if (!isAnswered()) onSent(bytes)
      }
      return pump(source, send, count, gone.signal)
    },
    note,
    async end(report: CaptureReport, reason) {
      note({ note: 'report', ...report, interfaces: [...report.interfaces] })
      await conclude(1000, reason ?? endText(report))
    },
    async fail(error: RemoraError) {
      const { code, reason } = closeOf(error)
      await conclude(code, reason)
    },
  }
}

/** Pings the client, and ends the connection when no sign of it comes any more. */
function watchAnswers(socket: CaptureSocket, isAlive: Watch['isAlive']): void {
  let lastSign = performance.now()
  const sign = () => {
    lastSign = performance.now()
  }
  for (const event of ['pong', 'ping', 'message']) socket.on(event, sign)
  const timer = setInterval(async () => {
    if (socket.readyState !== WebSocket.OPEN) return
    socket.ping()
    if (performance.now() - lastSign < maxSilenceMs) return
    if (!(await isAlive())) socket.terminate()
  }, pingIntervalMs)
  socket.on(
    'close',
    guarded(() => clearInterval(timer)),
  )
}

/**
 * A piece as a whole message (RFC 6455 §5.2): final, binary, not masked. Its header is put before it where it lies, so that
 * both are one write.
 */
function binaryFrame({ buffer, start, end }: Piece): Buffer {
  const length = end - start
  const header = length < 126 ? 2 : length < 0x10000 ? 4 : 10
  const at = start - header
  buffer[at] = 0x82
  if (header === 2) buffer[at + 1] = length
  else if (header === 4) {
    buffer[at + 1] = 126
    buffer.writeUInt16BE(length, at + 2)
  } else {
    buffer[at + 1] = 127
    buffer.writeUInt32BE(0, at + 2)
    buffer.writeUInt32BE(length, at + 6)
  }
  return buffer.subarray(at, end)
}

/** Why a capture ended well, for the close frame. */
function endText({ end, reference, goneInterface }: CaptureReport): string {
  if (end === 'target-gone') return `${reference} has stopped`
  if (end === 'interface-gone') return `interface ${goneInterface} of ${reference} was removed`
  return 'capture process terminated'
}
