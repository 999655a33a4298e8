/**
 * What a service sends over a WebSocket, taken apart where it lies (RFC 6455 §5): the packets of many frames are brought
 * together in the buffer they came in, and nothing is made for a frame. Whatever the RFC forbids ends the reading.
 */
import { isUtf8 } from 'node:buffer'
import { type CloseReason, faultCodes } from '../protocol/packetflix/close.ts'

/** Kinds of frames, §5.2. */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** What is told beside the packets. */
export interface FrameEvents {
  text(text: string): void
  ping(content: Buffer): void
  pong(): void
  /** The last frame; code 1005 stands for a frame without one. */
  close(reason: CloseReason): void
}

/** Reads frames. */
export interface FrameReader {
  /**
   * Takes what came, from the start of a buffer to `end`, and moves the content of binary frames together.
   * @returns that content, also when {@link FrameReader.fault} is set by then
   */
  read(bytes: Buffer, end: number): Buffer
  /** Why nothing more is read. */
  readonly fault: Error | undefined
}

/** Bytes of a frame, and of all frames of a text. */
const longestFrame = 16 * 1024 * 1024
const longestText = 1024 * 1024
const longestHead = 10

/** A reader of what a server sends, whose frames are not masked. */
export function frameReader(events: FrameEvents): FrameReader {
  const head = Buffer.alloc(longestHead)
  let headLength = 0
  /** The frame whose content is being read. */
  let opcode = 0
  let isFinal = false
  let left = 0
  let isInside = false
  /** Kind of the message that is not at its end yet. */
  let message: number | undefined
  let control: Buffer[] = []
  let text: Buffer[] = []
  let textLength = 0
  let isClosed = false
  let fault: Error | undefined

  const begin = (length: number) => {
    const first = head[0] ?? 0
    opcode = first & 0x0f
    isFinal = first >= 0x80
    if (length > longestFrame) throw new Error(`a frame of ${length} bytes`)
    if (opcode >= opcodes.close) {
      if (!isFinal || length > 125) throw new Error('a control frame that is too long or in parts')
      control = []
    } else if (opcode === opcodes.continuation) {
      if (message === undefined) throw new Error('a continuation of nothing')
    } else {
      if (message !== undefined) throw new Error('a message inside another')
      message = opcode
    }
    left = length
    isInside = true
  }

  const finish = () => {
    isInside = false
    headLength = 0
    if (opcode < opcodes.close) {
      if (!isFinal) return
      if (message === opcodes.text) events.text(textOf(Buffer.concat(text)))
      message = undefined
      text = []
      textLength = 0
      return
    }
    const content = Buffer.concat(control)
    if (opcode === opcodes.ping) events.ping(content)
    else if (opcode === opcodes.pong) events.pong()
    else {
      isClosed = true
      events.close(closeReason(content))
    }
  }

  const keep = (content: Buffer) => {
    if (opcode >= opcodes.close) return void control.push(Buffer.from(content))
    textLength += content.length
    if (textLength > longestText) throw new Error('a text that is too long')
    text.push(Buffer.from(content))
  }

  /** Where the content is that was read. */
  let from = 0
  let to = 0
  const readAll = (bytes: Buffer, end: number) => {
    from = 0
    to = 0
    for (let at = 0; at < end || (isInside && left === 0); ) {
      if (isClosed) return
      if (!isInside) {
        head[headLength++] = bytes[at++] ?? 0
        const length = frameLength(head, headLength)
        if (length !== undefined) begin(length)
        if (!isInside || left > 0) continue
      }
      const size = Math.min(left, end - at)
      if (message === opcodes.binary && opcode < opcodes.close) {
        if (to === 0) from = to = at
        else if (to !== at) bytes.copyWithin(to, at, at + size)
        to += size
      } else if (size > 0) keep(bytes.subarray(at, at + size))
      at += size
      left -= size
      if (left === 0) finish()
    }
  }

  return {
    read(bytes, end) {
      if (fault !== undefined) return bytes.subarray(0, 0)
      try {
        readAll(bytes, end)
      } catch (error) {
        fault = error as Error
      }
      return bytes.subarray(from, to)
    },
    get fault() {
      return fault
    },
  }
}

/**
 * Bytes of the content of a frame; undefined while its head is not complete.
 * @throws Error for a head that no server may send
 */
function frameLength(head: Buffer, known: number): number | undefined {
  const first = head[0] ?? 0
  if ((first & 0x70) !== 0) throw new Error('reserved bits are set')
  const kind = first & 0x0f
  if (kind > opcodes.pong || (kind > opcodes.binary && kind < opcodes.close)) throw new Error(`opcode ${kind}`)
  if (known < 2) return undefined
  const second = head[1] ?? 0
  if (second >= 0x80) throw new Error('a masked frame')
  if (second < 126) return second
  if (second === 126) return known < 4 ? undefined : head.readUInt16BE(2)
  return known < 10 ? undefined : Number(head.readBigUInt64BE(2))
}

function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Error('a text that is no UTF-8')
  return bytes.toString()
}

/** What a close frame says (§5.5.1, §7.4); the original sends a code that must not be sent, with a reason worth to be read. */
function closeReason(content: Buffer): CloseReason {
  if (content.length === 0) return { code: 1005, reason: '' }
  if (content.length === 1) throw new Error('half a close code')
  const code = content.readUInt16BE(0)
  const reason = content.subarray(2)
  if (faultCodes.has(code)) return { code, reason: reason.toString() }
  const isKnown = (code >= 1000 && code <= 1014 && code !== 1004) || (code >= 3000 && code <= 4999)
  if (!isKnown) throw new Error(`the close code ${code}`)
  return { code, reason: textOf(reason) }
}
