/** What a file tells of each interface: its description, its packets, and its own statistics. */
import { linkTypeName } from '../pcapng/link-types.ts'
import type { InterfaceRecord, PacketRecord, StatisticsRecord } from '../pcapng/records.ts'
import type { InterfaceSummary } from './model.ts'
import { shorten } from './shorten.ts'
import { count, makeTally, type Tally, totals } from './tally.ts'

/** An interface that is being counted. */
export interface Counted {
  /** Index among all interfaces of the file. */
  readonly index: number
  readonly section: number
  readonly record: InterfaceRecord
  readonly tally: Tally
  in: number
  out: number
  missing: number
  statistics: number
  received: number | undefined
  dropped: number | undefined
}

/**
 * An interface that nothing was counted of yet.
 * @param index among all interfaces of the file
 * @param section index of its section
 */
export function countedInterface(index: number, section: number, described: InterfaceRecord): Counted {
  // Texts are cut here, since whoever made the file decides how long they are and how many.
  const [name, description] = [shorten(described.name), shorten(described.description)]
  const record = { ...described, comments: [], name, description, filter: shorten(described.filter) }
  const counts = { in: 0, out: 0, missing: 0, statistics: 0, received: undefined, dropped: undefined }
  return { index, section, record, tally: makeTally(), ...counts }
}

/** Counts a packet of the interface. */
export function countPacket(counted: Counted, packet: PacketRecord): void {
  count(counted.tally, packet)
  if (packet.direction === 'in') counted.in++
  else if (packet.direction === 'out') counted.out++
  counted.missing += packet.dropped
}

/** Counters go on counting from block to block, so the last block is the one that counts. */
export function countStatistics(counted: Counted, { received, dropped }: StatisticsRecord): void {
  counted.statistics++
  counted.received = received ?? counted.received
  counted.dropped = dropped ?? counted.dropped
}

/** What is told of an interface. */
export function interfaceSummary(counted: Counted): InterfaceSummary {
  const { section, record, tally, in: incoming, out, missing, statistics, received, dropped } = counted
  const { number, name, description, linkType, snaplen, filter } = record
  const directions = { in: incoming, out, unknown: tally.packets - incoming - out }
  return {
    ...{ section, number, name, description, linkType, linkTypeName: linkTypeName(linkType), snaplen, filter },
    ...totals(tally),
    ...{ directions, statistics, received, dropped, missing },
  }
}
