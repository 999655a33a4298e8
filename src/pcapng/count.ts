/** Counts the packets of a pcapng stream as it passes, in chunks of any size, without taking it apart. */
import { type BlockFrame, blockFrame, sectionByteOrder } from './block.ts'

/** Types of the blocks that hold a packet: enhanced, simple, and the old kind (draft-ietf-opsawg-pcapng §4). */
const packetTypes = new Set([6, 3, 2])

/** A count of packets in a stream. */
export interface PacketCounter {
  push(chunk: Buffer): void
  packets(): number
}

/** A counter; what it does not understand ends the count, and nothing else. */
export function packetCounter(): PacketCounter {
  let packets = 0
  let head: Buffer = Buffer.alloc(0)
  let skip = 0
  let little = true
  let lost = false
  return {
    push(chunk) {
      let bytes = chunk
      while (!lost && bytes.length > 0) {
        const step = Math.min(skip, bytes.length)
        skip -= step
        bytes = bytes.subarray(step)
        if (skip > 0 || bytes.length === 0) return
        if (head.length > 0) bytes = Buffer.concat([head, bytes])
        head = Buffer.alloc(0)
        little = (sectionByteOrder(bytes, 0) ?? (little ? 'LE' : 'BE')) === 'LE'
        const frame = frameAt(bytes, little)
        if (frame === undefined) head = bytes
        if (frame === undefined || frame === 'none') {
          lost = frame === 'none'
          return
        }
        if (packetTypes.has(frame.type)) packets++
        skip = frame.length
      }
    },
    packets: () => packets,
  }
}

function frameAt(bytes: Buffer, little: boolean): BlockFrame | undefined | 'none' {
  try {
    return blockFrame(bytes, 0, little)
  } catch {
    return 'none'
  }
}
