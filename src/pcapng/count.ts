/** Counts the packets of a pcapng stream as it passes, in chunks of any size, without taking it apart. */
import { sectionByteOrder } from './block.ts'

/** Types of the blocks that hold a packet: enhanced, simple, and the old kind (draft-ietf-opsawg-pcapng §4). */
const packetTypes = new Set([6, 3, 2])
/** Bytes from which the frame of a block and the byte order of a section are known. */
const frameLength = 12

/** A count of packets in a stream. */
export interface PacketCounter {
  push(chunk: Buffer): void
  packets(): number
}

/** A counter; what it does not understand ends the count, and nothing else. */
export function packetCounter(): PacketCounter {
  let packets = 0
  /** The beginning of a block whose rest is to come. */
  let head: Buffer = Buffer.alloc(0)
  /** Bytes up to the next block. */
  let skip = 0
  let little = true
  let lost = false
  /** Counts the blocks that begin in the bytes; nothing is made for one. */
  const count = (bytes: Buffer) => {
    let at = skip
    while (at + frameLength <= bytes.length) {
      little = (sectionByteOrder(bytes, at) ?? (little ? 'LE' : 'BE')) === 'LE'
      const type = readWord(bytes, at, little)
      const told = readWord(bytes, at + 4, little)
      if (told < frameLength) {
        lost = true
        return
      }
      if (packetTypes.has(type)) packets++
      // Some writers tell a length without the padding.
      at += told + (-told & 3)
    }
    head = at < bytes.length ? Buffer.from(bytes.subarray(at)) : head
    skip = Math.max(0, at - bytes.length)
  }
  return {
    push(chunk) {
      if (lost) return
      if (head.length === 0) return count(chunk)
      const bytes = Buffer.concat([head, chunk])
      head = Buffer.alloc(0)
      count(bytes)
    },
    packets: () => packets,
  }
}

function readWord(bytes: Buffer, at: number, little: boolean): number {
  return little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
}
