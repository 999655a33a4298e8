/**
 * WebSocket frames, read and written by hand (RFC 6455, sections 5 and 7.4), so that the product meets an
 * implementation it does not share. The reader is strict: whatever the RFC forbids on the wire is a violation,
 * while the writer writes what it is told, for peers that break the rules on purpose.
 */
import { createHash, randomBytes } from 'node:crypto'

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export interface Frame {
  readonly opcode: number
  readonly payload: Buffer
}

/** The other side broke RFC 6455. */
export class ProtocolViolation extends Error {}

/** Cuts what arrives into frames; `masked` says whether they come from a client (section 5.1). */
export function frameReader(masked: boolean): { push(bytes: Buffer): Generator<Frame> } {
  let parts: Buffer[] = []
  let size = 0
  let needed = 2
  let isInsideMessage = false
  let hasClosed = false

  /** Yields the frames before a violation, and only then throws. */
  function* push(bytes: Buffer): Generator<Frame> {
    parts.push(bytes)
    size += bytes.length
    while (size >= needed) {
      const pending = Buffer.concat(parts)
      parts = [pending]
      if (hasClosed) throw new ProtocolViolation('something follows the close frame')
      const head = readHead(pending, masked)
      needed = head.end
      if (size < needed) continue
      checkOrder(head)
      parts = [pending.subarray(head.end)]
      size -= head.end
      // After a close frame, a single byte is too much.
      needed = hasClosed ? 1 : 2
      yield { opcode: head.opcode, payload: unmasked(pending.subarray(head.start, head.end), head.mask) }
    }
  }

  /** Section 5.4: fragments of one message do not mix with another, control frames may come in between. */
  function checkOrder({ opcode, isFinal }: Head): void {
    if (opcode === opcodes.close) hasClosed = true
    if (opcode >= 8) return
    const continues = opcode === opcodes.continuation
    if (continues !== isInsideMessage) {
      throw new ProtocolViolation(continues ? 'a continuation of nothing' : 'a message inside a fragmented one')
    }
    isInsideMessage = !isFinal
  }

  return { push }
}

interface Head {
  readonly opcode: number
  readonly isFinal: boolean
  readonly mask: Buffer | undefined
  /** Where the payload starts and ends; only `end` is meaningful while the head is incomplete. */
  readonly start: number
  readonly end: number
}

/** Section 5.2. While length or mask are still to come, `end` says how many bytes the head needs. */
function readHead(bytes: Buffer, masked: boolean): Head {
  const [first = 0, second = 0] = bytes
  const opcode = first & 0x0f
  const isFinal = first >= 0x80
  const short = second & 0x7f
  if ((first & 0x70) !== 0) throw new ProtocolViolation('reserved bits are set')
  if (!Object.values(opcodes).some(known => known === opcode)) throw new ProtocolViolation(`bad opcode ${opcode}`)
  if (second >= 0x80 !== masked) throw new ProtocolViolation(masked ? 'a frame without mask' : 'a masked frame')
  if (opcode >= 8 && !isFinal) throw new ProtocolViolation('a fragmented control frame')
  if (opcode >= 8 && short > 125) throw new ProtocolViolation('a control frame of more than 125 bytes')
  const maskAt = short === 127 ? 10 : short === 126 ? 4 : 2
  const start = maskAt + (masked ? 4 : 0)
  if (bytes.length < start) return { opcode, isFinal, mask: undefined, start, end: start }
  const length = short === 127 ? bytes.readBigUInt64BE(2) : BigInt(short === 126 ? bytes.readUInt16BE(2) : short)
  if (maskAt > 2 && length < (short === 127 ? 0x10000n : 126n)) {
    throw new ProtocolViolation('a length in more bytes than it takes')
  }
  if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw new ProtocolViolation(`a frame of ${length} bytes`)
  return {
    opcode,
    isFinal,
    mask: masked ? bytes.subarray(maskAt, start) : undefined,
    start,
    end: start + Number(length),
  }
}

function unmasked(payload: Buffer, mask: Buffer | undefined): Buffer {
  return mask === undefined ? payload : (payload.map((byte, index) => byte ^ (mask[index & 3] ?? 0)) as Buffer)
}

/** Writes a frame; a client must mask, a server must not. */
export function frame(opcode: number, payload: Uint8Array, masked: boolean): Buffer {
  const { length } = payload
  const head = Buffer.alloc(length > 0xffff ? 10 : length > 125 ? 4 : 2)
  head[0] = 0x80 | opcode
  head[1] = (masked ? 0x80 : 0) | (length > 0xffff ? 127 : length > 125 ? 126 : length)
  if (length > 0xffff) head.writeBigUInt64BE(BigInt(length), 2)
  else if (length > 125) head.writeUInt16BE(length, 2)
  if (!masked) return Buffer.concat([head, payload])
  const mask = randomBytes(4)
  return Buffer.concat([head, mask, unmasked(Buffer.from(payload), mask)])
}

/** The payload of a close frame, whatever the code; none for 1005, which stands for "no code" (section 7.4.1). */
export function closePayload(code: number, reason = ''): Buffer {
  if (code === 1005) return Buffer.alloc(0)
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(code)
  return Buffer.concat([bytes, Buffer.from(reason)])
}

/**
 * What a received close frame says (section 5.5.1); 1005 if it says nothing. The codes taken are those gorilla takes:
 * it refuses 1014, too, which was registered later.
 */
export function readClose(payload: Buffer): { code: number; reason: string } {
  if (payload.length === 0) return { code: 1005, reason: '' }
  if (payload.length === 1) throw new ProtocolViolation('half a close code')
  const code = payload.readUInt16BE()
  const isAllowed = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1013) || (code >= 3000 && code <= 4999)
  if (!isAllowed) throw new ProtocolViolation(`bad close code ${code}`)
  try {
    return { code, reason: new TextDecoder('utf-8', { fatal: true }).decode(payload.subarray(2)) }
  } catch {
    throw new ProtocolViolation('a close reason that is no UTF-8')
  }
}

/** The answer to a client's key (section 4.2.2). */
export function acceptFor(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}
