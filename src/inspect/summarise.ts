/**
 * Records of a capture file in, a summary out. What is kept is bounded whatever the file holds: it may be of any length,
 * and come from anybody.
 */
import type { NameRecord } from '../pcapng/block.ts'
import type {
  InterfaceRecord,
  NamesRecord,
  PacketRecord,
  PcapngRecord,
  SectionRecord,
  StatisticsRecord,
} from '../pcapng/records.ts'
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

const maxSections = 1_000
const maxInterfaces = 4_096
const maxNames = 65_536
const maxEntries = 100
/** Comments of a section that are shown. */
const maxSectionComments = 10

/** A summary of nothing yet. */
export function makeSummariser(): Summariser {
  const records = new RecordCounts()
  return { take: record => records.take(record), result: () => records.result() }
}

class RecordCounts implements Summariser {
  readonly #sections: SectionSummary[] = []
  readonly #interfaces: Counted[] = []
  readonly #names = new Set<string>()
  readonly #gaps = shortList<Gap>(maxEntries)
  readonly #comments = shortList<PacketComment>(maxEntries)
  readonly #skipped = shortList<Damage>(maxEntries)
  readonly #points = makePoints()
  readonly #all = makeTally()
  readonly #secrets = { blocks: 0, bytes: 0 }
  #outOfOrder = 0
  #documents: { target?: string | undefined; context?: string | undefined } = {}
  #sectionCount = 0
  #moreInterfaces = 0
  /** Interfaces of this section, by their number; those that are not listed are missing. */
  #current: Counted[] = []

  take(record: PcapngRecord): void {
    switch (record.kind) {
      case 'packet':
        this.#takePacket(record)
        break
      case 'section':
        this.#takeSection(record)
        break
      case 'interface':
        this.#takeInterface(record)
        break
      case 'statistics':
        this.#takeStatistics(record)
        break
      case 'names':
        this.#takeNames(record)
        break
      case 'secrets':
        this.#secrets.blocks++
        this.#secrets.bytes += record.length
        break
      case 'damage':
        this.#skipped.add(() => ({ at: record.at, reason: record.reason }))
    }
  }

  result(): RecordSummary {
    return {
      ...{ sections: this.#sections, moreSections: this.#sectionCount - this.#sections.length, ...this.#documents },
      ...{ interfaces: this.#interfaces.map(interfaceSummary), moreInterfaces: this.#moreInterfaces },
      ...{ totals: totals(this.#all), outOfOrder: this.#outOfOrder, names: this.#names.size, secrets: this.#secrets },
      ...{ gaps: this.#gaps.result(), comments: this.#comments.result() },
      ...{ points: this.#points.pairs(), skipped: this.#skipped.result() },
    }
  }

  #takeSection(record: SectionRecord): void {
    this.#current = []
    this.#points.forget()
    const { target, context, others } = splitComments(record.comments)
    // Of several sections the first that tells of the target is the one: it is written before any packet.
    const known = this.#documents
    if (known.target === undefined && known.context === undefined) this.#documents = { target, context }
    if (this.#sectionCount++ < maxSections) this.#sections.push(sectionSummary(record, others))
  }

  #takeInterface(record: InterfaceRecord): void {
    if (this.#interfaces.length >= maxInterfaces) {
      this.#moreInterfaces++
      return
    }
    const counted = countedInterface(this.#interfaces.length, this.#sectionCount - 1, record)
    this.#interfaces.push(counted)
    this.#current[record.number] = counted
  }

  #takePacket(packet: PacketRecord): void {
    const counted = this.#current[packet.interface]
    if (isEarlier(packet.time, this.#all.last)) this.#outOfOrder++
    count(this.#all, packet)
    if (counted !== undefined) {
      countPacket(counted, packet)
      if (packet.id !== undefined && packet.time !== undefined) this.#points.see(counted.index, packet.id, packet.time)
    }
    if (packet.dropped === 0 && packet.comments.length === 0) return
    const place = { time: packet.time && timeText(packet.time), interface: counted?.index }
    if (packet.dropped > 0) this.#gaps.add(() => ({ ...place, missing: packet.dropped }))
    for (const text of packet.comments) this.#comments.add(() => ({ ...place, text: shorten(text) }))
  }

  #takeStatistics(record: StatisticsRecord): void {
    const counted = this.#current[record.interface]
    if (counted !== undefined) countStatistics(counted, record)
  }

  #takeNames(record: NamesRecord): void {
    addNames(this.#names, record.records)
    // What was too long for the section stands here (Wireshark 4.0 takes short ones only).
    const { context = '' } = splitComments(record.comments)
    if (context.length > (this.#documents.context ?? '').length) this.#documents = { ...this.#documents, context }
  }
}

function isEarlier(time: Time | undefined, last: Time | undefined): boolean {
  return time !== undefined && last !== undefined && nanosecondsBetween(time, last) > 0
}

function sectionSummary(record: SectionRecord, comments: readonly string[]): SectionSummary {
  const { byteOrder, application, os, hardware } = record
  return {
    ...{ byteOrder, application: shorten(application), os: shorten(os), hardware: shorten(hardware) },
    comments: comments.slice(0, maxSectionComments).map(text => shorten(text)),
  }
}

/** The same names come again whenever some of them change. */
function addNames(known: Set<string>, records: readonly NameRecord[]): void {
  for (const { address, names } of records) {
    for (const name of names) {
      if (known.size >= maxNames) return
      known.add(`${Buffer.from(address).toString('hex')} ${shorten(name)}`)
    }
  }
}
