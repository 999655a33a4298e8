/**
 * Records of a capture file in, a summary out. What is kept is bounded whatever the file holds: it may be of any length,
 * and come from anybody.
 */
import type { NameRecord } from '../pcapng/block.ts'
import type { InterfaceRecord, PacketRecord, PcapngRecord, SectionRecord } from '../pcapng/records.ts'
import { nanosecondsBetween, type Time, timeText } from '../pcapng/time.ts'
import { splitComments } from './documents.ts'
import { type Counted, countedInterface, countPacket, countStatistics, interfaceSummary } from './interfaces.ts'
import type { CaptureSummary, Damage, Gap, PacketComment, SectionSummary } from './model.ts'
import { makePoints } from './points.ts'
import { shorten, shortList } from './shorten.ts'
import { count, makeTally, totals } from './tally.ts'

/** All of a summary that follows from the records. */
export type RecordSummary = Omit<CaptureSummary, 'file' | 'bytes' | 'cutOff' | 'broken'>

/** Takes records in, gives a summary at any time. */
export interface Summariser {
  take(record: PcapngRecord): void
  result(): RecordSummary
}

const mostSections = 1_000
const mostInterfaces = 4_096
const mostNames = 65_536
const mostEntries = 100
/** Comments of a section that are shown. */
const mostComments = 10

/** A summary of nothing yet. */
export function makeSummariser(): Summariser {
  const sections: SectionSummary[] = []
  const interfaces: Counted[] = []
  const names = new Set<string>()
  const gaps = shortList<Gap>(mostEntries)
  const comments = shortList<PacketComment>(mostEntries)
  const skipped = shortList<Damage>(mostEntries)
  const points = makePoints()
  const all = makeTally()
  const secrets = { blocks: 0, bytes: 0 }
  let outOfOrder = 0
  let documents: { target?: string | undefined; context?: string | undefined } = {}
  let sectionCount = 0
  let moreInterfaces = 0
  /** Interfaces of this section, by their number; those that are not listed are missing. */
  let current: Counted[] = []

  const takeSection = (record: SectionRecord) => {
    current = []
    points.forget()
    const { target, context, others } = splitComments(record.comments)
    // Of several sections the first that tells of the target is the one: it is written before any packet.
    if (documents.target === undefined && documents.context === undefined) documents = { target, context }
    if (sectionCount++ < mostSections) sections.push(sectionSummary(record, others))
  }
  const takeInterface = (record: InterfaceRecord) => {
    if (interfaces.length >= mostInterfaces) {
      moreInterfaces++
      return
    }
    const counted = countedInterface(interfaces.length, sectionCount - 1, record)
    interfaces.push(counted)
    current[record.number] = counted
  }
  const takePacket = (packet: PacketRecord) => {
    const counted = current[packet.interface]
    if (isEarlier(packet.time, all.last)) outOfOrder++
    count(all, packet)
    if (counted !== undefined) {
      countPacket(counted, packet)
      if (packet.id !== undefined && packet.time !== undefined) points.see(counted.index, packet.id, packet.time)
    }
    if (packet.dropped === 0 && packet.comments.length === 0) return
    const place = { time: packet.time && timeText(packet.time), interface: counted?.index }
    if (packet.dropped > 0) gaps.add(() => ({ ...place, missing: packet.dropped }))
    for (const text of packet.comments) comments.add(() => ({ ...place, text: shorten(text) }))
  }

  return {
    take(record) {
      if (record.kind === 'packet') takePacket(record)
      else if (record.kind === 'section') takeSection(record)
      else if (record.kind === 'interface') takeInterface(record)
      else if (record.kind === 'statistics') {
        const counted = current[record.interface]
        if (counted !== undefined) countStatistics(counted, record)
      } else if (record.kind === 'names') {
        addNames(names, record.records)
        // What was too long for the section stands here (Wireshark 4.0 takes short ones only).
        const { context = '' } = splitComments(record.comments)
        if (context.length > (documents.context ?? '').length) documents = { ...documents, context }
      } else if (record.kind === 'secrets') {
        secrets.blocks++
        secrets.bytes += record.length
      } else if (record.kind === 'damage') {
        skipped.add(() => ({ at: record.at, reason: record.reason }))
      }
    },
    result: () => ({
      ...{ sections, moreSections: sectionCount - sections.length, ...documents },
      ...{ interfaces: interfaces.map(interfaceSummary), moreInterfaces },
      ...{ totals: totals(all), outOfOrder, names: names.size, secrets },
      ...{ gaps: gaps.result(), comments: comments.result(), points: points.pairs(), skipped: skipped.result() },
    }),
  }
}

function isEarlier(time: Time | undefined, last: Time | undefined): boolean {
  return time !== undefined && last !== undefined && nanosecondsBetween(time, last) > 0
}

function sectionSummary(record: SectionRecord, comments: readonly string[]): SectionSummary {
  const { byteOrder, application, os, hardware } = record
  return {
    ...{ byteOrder, application: shorten(application), os: shorten(os), hardware: shorten(hardware) },
    comments: comments.slice(0, mostComments).map(text => shorten(text)),
  }
}

/** The same names come again whenever some of them change. */
function addNames(known: Set<string>, records: readonly NameRecord[]): void {
  for (const { address, names } of records) {
    for (const name of names) {
      if (known.size >= mostNames) return
      known.add(`${Buffer.from(address).toString('hex')} ${shorten(name)}`)
    }
  }
}
