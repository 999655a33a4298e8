/**
 * A pcapng stream as it comes, in chunks of any size, taken apart into whole blocks; and the few things in a block that
 * change when it moves to another section: interface numbers, and comments. Everything is in host byte order, as dumpcap
 * on this machine writes it.
 */
import { endianness } from 'node:os'
import { blockFrame, maximumBlockLength, option, optionCodes, put32 } from './block.ts'

const little = endianness() === 'LE'

export interface BlockSplitter {
  /** Takes the next chunk; the blocks that are whole now, as views of it where possible. */
  push(chunk: Buffer): Buffer[]
  /** Bytes of a block that is not whole yet. */
  pending(): number
}

/**
 * Takes a stream apart.
 * @throws RangeError in `push`, when a block is longer than Wireshark itself would read, or its length is none
 */
export function blockSplitter(): BlockSplitter {
  let rest: Buffer = Buffer.alloc(0)
  return {
    push(chunk) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      const blocks: Buffer[] = []
      let start = 0
      for (;;) {
        const frame = blockFrame(bytes, start, little)
        if (frame === undefined) break
        if (frame.length > 2 * maximumBlockLength) throw new RangeError(`block of ${frame.length} bytes`)
        if (start + frame.length > bytes.length) break
        blocks.push(bytes.subarray(start, start + frame.length))
        start += frame.length
      }
      rest = bytes.subarray(start)
      return blocks
    },
    pending: () => rest.length,
  }
}

/** Type of a whole block. */
export function blockType(block: Buffer): number {
  return read32(block, 0)
}

/** The number of the interface an enhanced packet or an interface statistics block belongs to. */
export function interfaceNumber(block: Buffer): number {
  return read32(block, 8)
}

/** Writes another interface number into such a block, in place. */
export function setInterfaceNumber(block: Buffer, number: number): void {
  put32(block, number, 8)
}

/** Exponent of the time unit of an interface: 9 for nanoseconds; 6 where the description says nothing (if_tsresol). */
export function timestampExponent(description: Buffer): number {
  for (const { code, value } of optionsOf(description, 16)) {
    if (code !== optionCodes.timestampResolution || value.length < 1) continue
    const resolution = value.readUInt8()
    if ((resolution & 0x80) !== 0) throw new RangeError('the time unit of an interface is no power of ten')
    return resolution
  }
  return 6
}

/** Time of an enhanced packet in nanoseconds since 1970. */
export function packetTime(block: Buffer, exponent: number): bigint {
  const units = (BigInt(read32(block, 12)) << 32n) | BigInt(read32(block, 16))
  return exponent <= 9 ? units * 10n ** BigInt(9 - exponent) : units / 10n ** BigInt(exponent - 9)
}

const packetDataStart = 28

/** Captured bytes of an enhanced packet. */
export function packetData(block: Buffer): Buffer {
  return block.subarray(packetDataStart, packetDataStart + read32(block, 20))
}

/** An enhanced packet with a comment before its other options; the block itself where there is no room for one. */
export function withComment(block: Buffer, comment: string): Buffer {
  const optionsStart = packetDataStart + padded(read32(block, 20))
  const added = option(optionCodes.comment, Buffer.from(comment))
  const options = block.subarray(optionsStart, block.length - 4)
  const end = options.length === 0 ? option(optionCodes.endOfOptions) : options
  const length = optionsStart + added.length + end.length + 4
  if (length > maximumBlockLength) return block
  const result = Buffer.concat([block.subarray(0, optionsStart), added, end, Buffer.alloc(4)], length)
  put32(result, length, 4)
  put32(result, length, length - 4)
  return result
}

function* optionsOf(block: Buffer, start: number): Generator<{ code: number; value: Buffer }> {
  const end = block.length - 4
  for (let at = start; at + 4 <= end; ) {
    const [code, length] = [read16(block, at), read16(block, at + 2)]
    if (code === optionCodes.endOfOptions || at + 4 + length > end) return
    yield { code, value: block.subarray(at + 4, at + 4 + length) }
    at += 4 + padded(length)
  }
}

function padded(length: number): number {
  return length + (-length & 3)
}

function read16(bytes: Buffer, at: number): number {
  return little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)
}

function read32(bytes: Buffer, at: number): number {
  return little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
}
