/**
 * The three blocks that hold a packet: enhanced, simple and obsolete (draft-ietf-opsawg-pcapng §4.3, §4.4, appendix A).
 * This is where a reader spends its time: one object for the packet, one for its time, and no copy of its bytes.
 */
import { type Interface, interfaceAt } from './decode-interface.ts'
import {
  checkFixedPart,
  type Draft,
  padded,
  read16,
  read32,
  read64,
  readExact64,
  readOptions,
  readText,
  type Source,
} from './options.ts'
import type { PacketRecord } from './records.ts'
import { type Time, timeOf } from './time.ts'

const noComments: string[] = []

/**
 * Reads a packet.
 * @param type block type: 6 enhanced, 3 simple, 2 obsolete
 * @throws RangeError as any block
 */
export function decodePacket(
  source: Source,
  type: number,
  body: number,
  end: number,
  interfaces: readonly Interface[],
): PacketRecord {
  if (type === 3) return decodeSimple(source, body, end, interfaces)
  checkFixedPart('a packet', body, 20, end)
  const number = type === 6 ? read32(source, body) : read16(source, body)
  const time = timeOf(interfaceAt(interfaces, number).clock, read32(source, body + 4), read32(source, body + 8))
  const [captured, original] = [read32(source, body + 12), read32(source, body + 16)]
  const packet = makePacket(type === 6 ? 'enhanced' : 'obsolete', number, time, captured, original, source, body + 20)
  if (type === 2) packet.dropped = lostBefore(read16(source, body + 2))
  const options = body + 20 + padded(captured)
  if (options > end) throw new RangeError(`a packet of ${captured} bytes runs past its block`)
  if (options < end) readOptions(source, options, end, packet, takePacketOption)
  return packet
}

/** It has neither time nor options; its interface is the first, and how much was captured follows from that. */
function decodeSimple(source: Source, body: number, end: number, interfaces: readonly Interface[]): PacketRecord {
  checkFixedPart('a simple packet', body, 4, end)
  const { snaplen } = interfaceAt(interfaces, 0)
  const original = read32(source, body)
  const captured = snaplen === 0 ? original : Math.min(snaplen, original)
  if (body + 4 + captured > end) throw new RangeError(`a packet of ${captured} bytes runs past its block`)
  return makePacket('simple', 0, undefined, captured, original, source, body + 4)
}

function makePacket(
  block: PacketRecord['block'],
  number: number,
  time: Time | undefined,
  captured: number,
  original: number,
  { bytes }: Source,
  start: number,
): Draft<PacketRecord> {
  return {
    kind: 'packet',
    block,
    interface: number,
    time,
    captured,
    original,
    comments: noComments,
    direction: undefined,
    reception: undefined,
    dropped: 0,
    id: undefined,
    source: bytes,
    start,
  }
}

/** In the obsolete block all bits set mean that the number is not known. */
function lostBefore(count: number): number {
  return count === 0xffff ? 0 : count
}

const directions = [undefined, 'in', 'out', undefined] as const
const receptions = [undefined, 'unicast', 'multicast', 'broadcast', 'promiscuous'] as const

function takePacketOption(packet: Draft<PacketRecord>, code: number, source: Source, at: number, length: number) {
  if (code === 1) {
    // A list of its own with the first: to copy it for each would take the square of their number.
    if (packet.comments === noComments) packet.comments = []
    packet.comments.push(readText(source, at, length))
  } else if (code === 2 && length === 4) {
    const flags = read32(source, at)
    packet.direction = directions[flags & 3]
    packet.reception = receptions[(flags >>> 2) & 7]
  } else if (packet.block !== 'enhanced') return
  else if (code === 4 && length === 8) packet.dropped = read64(source, at)
  else if (code === 5 && length === 8) packet.id = readExact64(source, at)
}
