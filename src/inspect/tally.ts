/** Counts of packets, for an interface or for a whole file. */
import type { PacketRecord } from '../pcapng/records.ts'
import { nanosecondsBetween, type Time, timeText } from '../pcapng/time.ts'
import type { Totals } from './model.ts'

/** Counts while they grow: packets, bytes captured and on the wire, earliest and latest time. */
export interface Tally {
  packets: number
  bytes: number
  originalBytes: number
  first: Time | undefined
  last: Time | undefined
}

/** Counts of nothing. */
export function makeTally(): Tally {
  return { packets: 0, bytes: 0, originalBytes: 0, first: undefined, last: undefined }
}

/** Counts a packet; times of a file need not be in order. */
export function count(tally: Tally, { captured, original, time }: PacketRecord): void {
  tally.packets++
  tally.bytes += captured
  tally.originalBytes += original
  if (time === undefined) return
  if (tally.first === undefined || nanosecondsBetween(tally.first, time) < 0) tally.first = time
  if (tally.last === undefined || nanosecondsBetween(tally.last, time) > 0) tally.last = time
}

/** Counts as they are told. */
export function totals({ packets, bytes, originalBytes, first, last }: Tally): Totals {
  return { packets, bytes, originalBytes, first: first && timeText(first), last: last && timeText(last) }
}
