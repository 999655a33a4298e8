/**
 * The same packet, seen at several points, gets one number (epb_packetid, draft-ietf-opsawg-pcapng §4.3.1): Wireshark finds it
 * by `frame.packet_id`, and `remora info` tells how long it took from one point to the next, and what never came.
 *
 * Two frames are the same packet when they are equal behind the Ethernet header, which a bridge or a veth pair passes on as it
 * is. One that is seen a second time at the same point is another packet, a retransmission. What a router has changed is not
 * recognised.
 */
import type { Decoration } from '../../pcapng/decorate.ts'
import { packetField } from '../../pcapng/lane.ts'
import type { Slab } from '../../pcapng/slab.ts'

/** Gives a packet its number; `at` is the word of the slab where its block begins. */
export type NumberPacket = (slab: Slab, at: number, added: Decoration) => void

/** Packets that are remembered, and for how many seconds. */
const most = 32_768
const longest = 1

/** Bytes that are compared, behind the Ethernet header. */
const compared = 160
const ethernetHeader = 14

interface Sighting {
  readonly id: number
  readonly time: number
  /** Points that have seen it. */
  readonly points: Set<number>
}

/** Makes what numbers the packets of one capture; each call of what is returned is for another point. */
export function makeSightings(): () => NumberPacket {
  const sightings = new Map<number, Sighting>()
  let lastId = 0
  let lastPoint = 0
  const forget = (now: number) => {
    for (const [key, { time }] of sightings) {
      if (sightings.size <= most && now - time <= longest) break
      sightings.delete(key)
    }
  }
  return () => {
    const point = ++lastPoint
    return ({ bytes, words }, at, added) => {
      const high = (words[at + packetField.timeHigh] as number) >>> 0
      const now = high * 4.294967296 + ((words[at + packetField.timeLow] as number) >>> 0) / 1e9
      const start = (at + packetField.data) << 2
      const length = words[at + packetField.captured] as number
      const key = hashOf(bytes, start + Math.min(length, ethernetHeader), start + length, length)
      const known = sightings.get(key)
      if (known !== undefined && now - known.time <= longest && !known.points.has(point)) {
        known.points.add(point)
        added.packetId = known.id
        return
      }
      sightings.delete(key)
      sightings.set(key, { id: ++lastId, time: now, points: new Set([point]) })
      added.packetId = lastId
      forget(now)
    }
  }
}

/** 53 bits of two hashes (FNV-1a, and the same with another beginning): equal by chance once in many million packets. */
function hashOf(bytes: Buffer, start: number, end: number, length: number): number {
  let one = 0x811c9dc5 ^ length
  let two = 0x01000193 + length
  for (let at = start; at < end && at < start + compared; at++) {
    const byte = bytes[at] as number
    one = Math.imul(one ^ byte, 0x01000193)
    two = Math.imul(two ^ byte, 0x85ebca6b)
  }
  return (one >>> 0) * 2_097_152 + ((two >>> 0) & 0x1fffff)
}
