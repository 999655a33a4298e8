/**
 * Interface descriptions and statistics (draft-ietf-opsawg-pcapng §4.2 and §4.6), and what the later blocks of a section
 * need to know of its interfaces.
 */
import {
  checkFixedPart,
  type Draft,
  read16,
  read32,
  read64,
  readCounter,
  readOptions,
  readText,
  type Source,
} from './options.ts'
import type { InterfaceRecord, StatisticsRecord } from './records.ts'
import { type Clock, makeClock, timeOf } from './time.ts'

/** What later blocks need. */
export interface Interface {
  readonly clock: Clock
  readonly snaplen: number
}

/** More interfaces in one section than any host has; what is kept of them stays within a few MiB. */
const mostInterfaces = 65_536

/** @throws RangeError when the section has no such interface */
export function interfaceAt(interfaces: readonly Interface[], number: number): Interface {
  const found = interfaces[number]
  if (found === undefined) throw new RangeError(`interface ${number} is not described`)
  return found
}

/** A description while it is being read: unit and offset of its times are options of their own. */
interface InterfaceDraft extends Draft<Omit<InterfaceRecord, 'clock'>> {
  resolution: number | undefined
  offset: number | undefined
}

/** Reads a description, and adds it to the interfaces of the section. */
export function decodeInterface(source: Source, body: number, end: number, interfaces: Interface[]): InterfaceRecord {
  if (interfaces.length >= mostInterfaces) throw new RangeError(`more than ${mostInterfaces} interfaces in one section`)
  // The numbers of later ones count it in any case.
  if (body + 8 > end) interfaces.push({ clock: makeClock(), snaplen: 0 })
  checkFixedPart('an interface description', body, 8, end)
  const draft: InterfaceDraft = {
    kind: 'interface',
    number: interfaces.length,
    linkType: read16(source, body),
    snaplen: read32(source, body + 4),
    comments: [],
    name: undefined,
    description: undefined,
    filter: undefined,
    mac: undefined,
    speed: undefined,
    os: undefined,
    hardware: undefined,
    resolution: undefined,
    offset: undefined,
  }
  readOptions(source, body + 8, end, draft, takeInterfaceOption)
  const { resolution, offset, ...rest } = draft
  const clock = makeClock(resolution, offset)
  interfaces.push({ clock, snaplen: rest.snaplen })
  return { ...rest, clock }
}

function takeInterfaceOption(draft: InterfaceDraft, code: number, source: Source, at: number, length: number) {
  if (code === 1) draft.comments.push(readText(source, at, length))
  else if (code === 2) draft.name = readText(source, at, length)
  else if (code === 3) draft.description = readText(source, at, length)
  else if (code === 6 && length === 6) draft.mac = readMac(source, at)
  else if (code === 8 && length === 8) draft.speed = read64(source, at)
  else if (code === 9 && length === 1) draft.resolution = source.view.getUint8(at)
  // The first byte tells the kind of a filter; 0 is a text, all else is code.
  else if (code === 11 && length > 0 && source.bytes[at] === 0) draft.filter = readText(source, at + 1, length - 1)
  else if (code === 12) draft.os = readText(source, at, length)
  else if (code === 14 && length === 8) draft.offset = Number(source.view.getBigInt64(at, source.little))
  else if (code === 15) draft.hardware = readText(source, at, length)
}

function readMac({ bytes }: Source, at: number): string {
  return [...bytes.subarray(at, at + 6)].map(byte => byte.toString(16).padStart(2, '0')).join(':')
}

/** A statistics block while it is being read: its times need the clock of their interface. */
interface StatisticsDraft extends Draft<StatisticsRecord> {
  readonly clock: Clock
}

/** Reads the counters of an interface. */
export function decodeStatistics(source: Source, body: number, end: number, interfaces: Interface[]): StatisticsRecord {
  checkFixedPart('an interface statistics block', body, 12, end)
  const number = read32(source, body)
  const { clock } = interfaceAt(interfaces, number)
  const draft: StatisticsDraft = {
    kind: 'statistics',
    interface: number,
    time: timeOf(clock, read32(source, body + 4), read32(source, body + 8)),
    comments: [],
    startTime: undefined,
    endTime: undefined,
    received: undefined,
    dropped: undefined,
    accepted: undefined,
    droppedByOs: undefined,
    delivered: undefined,
    clock,
  }
  readOptions(source, body + 12, end, draft, takeStatisticsOption)
  const { clock: _, ...record } = draft
  return record
}

function takeStatisticsOption(draft: StatisticsDraft, code: number, source: Source, at: number, length: number) {
  const time = () => timeOf(draft.clock, read32(source, at), read32(source, at + 4))
  if (code === 1) draft.comments.push(readText(source, at, length))
  else if (code === 2 && length === 8) draft.startTime = time()
  else if (code === 3 && length === 8) draft.endTime = time()
  else if (code === 4) draft.received = readCounter(source, at, length)
  else if (code === 5) draft.dropped = readCounter(source, at, length)
  else if (code === 6) draft.accepted = readCounter(source, at, length)
  else if (code === 7) draft.droppedByOs = readCounter(source, at, length)
  else if (code === 8) draft.delivered = readCounter(source, at, length)
}
