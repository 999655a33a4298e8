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
const maxFrameBytes = 16 * 1024 * 1024
const maxTextBytes = 1024 * 1024
const maxHeadBytes = 10

/** A reader of what a server sends, whose frames are not masked. */
export function frameReader(events: FrameEvents): FrameReader {
  return new ServerFrames(events)
}

class ServerFrames implements FrameReader {
  readonly #events: FrameEvents
  readonly #head = Buffer.alloc(maxHeadBytes)
  #headLength = 0
  /** The frame whose content is being read. */
  #opcode = 0
  #isFinal = false
  #left = 0
  #isInside = false
  /** Kind of the message that is not at its end yet. */
  #message: number | undefined
  #control: Buffer[] = []
  #text: Buffer[] = []
  #textLength = 0
  #isClosed = false
  #fault: Error | undefined
  /** Where the content is that was read. */
  #from = 0
  #to = 0

  constructor(events: FrameEvents) {
    this.#events = events
  }

  get fault(): Error | undefined {
    return this.#fault
  }

  read(bytes: Buffer, end: number): Buffer {
    if (this.#fault !== undefined) return bytes.subarray(0, 0)
    this.#from = 0
    this.#to = 0
    try {
      let at = 0
      while (!this.#isClosed && (at < end || (this.#isInside && this.#left === 0))) {
        at = this.#isInside ? this.#takeContent(bytes, at, end) : this.#takeHead(bytes, at)
      }
    } catch (error) {
      this.#fault = error as Error
    }
    return bytes.subarray(this.#from, this.#to)
  }

  /** Takes a byte of the head of a frame, and begins its content after the last. */
  #takeHead(bytes: Buffer, at: number): number {
    this.#head[this.#headLength++] = bytes[at] ?? 0
    const length = frameLength(this.#head, this.#headLength)
    if (length !== undefined) this.#begin(length)
    return at + 1
  }

  #begin(length: number): void {
    const first = this.#head[0] ?? 0
    this.#opcode = first & 0x0f
    this.#isFinal = first >= 0x80
    if (length > maxFrameBytes) throw new Error(`a frame of ${length} bytes`)
    if (this.#opcode >= opcodes.close) {
      if (!this.#isFinal || length > 125) throw new Error('a control frame that is too long or in parts')
      this.#control = []
    } else if (this.#opcode === opcodes.continuation) {
      if (this.#message === undefined) throw new Error('a continuation of nothing')
    } else {
      if (this.#message !== undefined) throw new Error('a message inside another')
      this.#message = this.#opcode
    }
    this.#left = length
    this.#isInside = true
  }

  /** Takes what there is of the content of a frame; returns where the rest begins. */
  #takeContent(bytes: Buffer, at: number, end: number): number {
    const size = Math.min(this.#left, end - at)
    if (this.#message === opcodes.binary && this.#opcode < opcodes.close) this.#moveTogether(bytes, at, size)
    else if (size > 0) this.#keep(bytes.subarray(at, at + size))
    this.#left -= size
    if (this.#left === 0) this.#finish()
    return at + size
  }

  #moveTogether(bytes: Buffer, at: number, size: number): void {
    if (this.#to === 0) this.#from = this.#to = at
    else if (this.#to !== at) bytes.copyWithin(this.#to, at, at + size)
    this.#to += size
  }

  #keep(content: Buffer): void {
    if (this.#opcode >= opcodes.close) {
      this.#control.push(Buffer.from(content))
      return
    }
    this.#textLength += content.length
    if (this.#textLength > maxTextBytes) throw new Error('a text that is too long')
    this.#text.push(Buffer.from(content))
  }

  #finish(): void {
    this.#isInside = false
    this.#headLength = 0
    if (this.#opcode >= opcodes.close) this.#finishControl(Buffer.concat(this.#control))
    else if (this.#isFinal) this.#finishMessage()
  }

  #finishMessage(): void {
    if (this.#message === opcodes.text) this.#events.text(textOf(Buffer.concat(this.#text)))
    this.#message = undefined
    this.#text = []
    this.#textLength = 0
  }

  #finishControl(content: Buffer): void {
    if (this.#opcode === opcodes.ping) this.#events.ping(content)
    else if (this.#opcode === opcodes.pong) this.#events.pong()
    else {
      this.#isClosed = true
      this.#events.close(closeReason(content))
    }
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
