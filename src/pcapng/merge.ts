/**
 * Takes packets out of lanes in the order of their time, and writes them side by side. Nothing is made for a packet: whole
 * runs of one lane are copied at once, up to where another lane comes first.
 *
 * dumpcap hands a packet on up to 250 ms late, so a lane that is empty may still have an earlier one. A packet waits until
 * every lane has one, or until the window has passed. A clock that was set back makes packets of the future: those do not wait.
 * What comes even later than the window finds later packets written already: it is written all the same, and counted.
 */
import { blockTypes, maximumBlockLength } from './block.ts'
import { type Decoration, decorationLength, writeDecorated } from './decorate.ts'
import { type Lane, packetField, type Segment } from './lane.ts'
import type { Slab, SlabPool } from './slab.ts'

/** A lane with what is done to its packets. */
export interface Strand {
  readonly lane: Lane
  /** Adds to a packet; called for each of them. */
  decorate?: ((slab: Slab, at: number, added: Decoration) => void) | undefined
  /** Comment for its next packet, made when that is known (nanoseconds since 1970); undefined: none after all. */
  comment?: ((time: bigint) => string | undefined) | undefined
  /** Packets taken so far. */
  packets: number
  /** Packets that were written behind later ones of others, since they came after the window. */
  late: number
  /** Packets lost in its queue, as far as the packets taken tell. */
  lost: number
  /** Time of its last packet, two halves of nanoseconds since 1970 as they lie in memory: with signs. */
  high: number
  low: number
}

/** Where merged packets go. */
export interface Outlet {
  readonly slab: Slab
  /** Words written. */
  fill: number
}

/** What holds for all strands. */
export interface MergeOptions {
  readonly pool: SlabPool
  /** Milliseconds a packet waits for earlier ones of other lanes; 0: not at all. */
  readonly window: number
  /** Let every packet wait so long, also when no earlier one can come. */
  readonly hold: boolean
  /** Milliseconds since 1970. */
  readonly now: number
  /** Packets that may still be taken; others are thrown away. */
  left: number
  /** Time of the latest packet that was taken, as in {@link Strand}; zeros before the first. */
  high: number
  low: number
}

/** `full`: the outlet is; a number: milliseconds until the next packet may go; undefined: none is there. */
export type MergeEnd = 'full' | number | undefined

const half = 2 ** 32

/** Time of the next packet of each strand: unboxed, since it is looked at for every packet. */
let heads = new Float64Array(64)
/** Up to when packets of a run are taken: here, since a number with a fraction is made anew when it is handed over. */
const until = new Float64Array(1)
/** Time of the latest packet taken. */
const newest = new Float64Array(1)

/** Merges as much as may go now. */
// biome-ignore lint/complexity/noExcessiveCognitiveComplexity: the loop runs for every packet, and numbers with a fraction that were handed to functions would be garbage
export function merge(strands: readonly Strand[], outlet: Outlet, options: MergeOptions): MergeEnd {
  const { now, window, hold, pool } = options
  // Times are nanoseconds since an instant close by: of days around it a double holds every one.
  const base = Math.floor((now * 1e6) / half)
  const present = now * 1e6 - base * half
  const latest = present - window * 1e6
  const future = present + 10e6
  newest[0] = options.high === 0 ? -Infinity : relative(options.high, options.low, base)
  const count = strands.length
  if (heads.length < count) heads = new Float64Array(2 * count)
  let missing = 0
  for (let index = 0; index < count; index++) {
    const { lane } = strands[index] as Strand
    heads[index] = headOf(lane.segments[0], base, future)
    if (heads[index] === Infinity && !lane.isEnded()) missing++
  }
  for (;;) {
    let first = -1
    let earliest = Infinity
    let bound = Infinity
    for (let index = 0; index < count; index++) {
      const time = heads[index] as number
      if (time < earliest) {
        bound = earliest
        earliest = time
        first = index
      } else if (time < bound) bound = time
    }
    if (first < 0) return undefined
    if (options.left > 0 && (hold || (missing > 0 && window > 0))) {
      if (earliest > latest) return Math.max(1, (earliest - latest) / 1e6)
      if (bound > latest) bound = latest
    }
    until[0] = bound
    const strand = strands[first] as Strand
    const { segments } = strand.lane
    const segment = segments[0] as Segment
    const { start } = segment
    const isWritten = options.left > 0
    if (!takeRun(strand, segment, outlet, options, base)) return 'full'
    if (isWritten && window > 0) {
      if (earliest < (newest[0] as number)) strand.late += countEarlier(segment, start, base)
      noteNewest(strand, options, base, future)
    }
    if (segment.start === segment.end) {
      segments.shift()
      pool.drop(segment.slab)
    }
    heads[first] = headOf(segments[0], base, future)
    if (heads[first] === Infinity && !strand.lane.isEnded()) missing++
  }
}

/** Time of the next block of a lane; what is no packet, and what comes from the future, goes at once. */
function headOf(segment: Segment | undefined, base: number, future: number): number {
  if (segment === undefined) return Infinity
  const { words } = segment.slab
  if (words[segment.start] !== blockTypes.enhancedPacket) return -Infinity
  const time = timeOf(words, segment.start, base)
  return time > future ? -Infinity : time
}

function timeOf(words: Int32Array, at: number, base: number): number {
  return relative(words[at + packetField.timeHigh] as number, words[at + packetField.timeLow] as number, base)
}

function relative(high: number, low: number, base: number): number {
  return ((high >>> 0) - base) * half + (low >>> 0)
}

/** Packets of a run that was just taken that are earlier than the latest that was taken before. */
function countEarlier({ slab: { words }, start: end }: Segment, start: number, base: number): number {
  let packets = 0
  for (let at = start; at < end; at += (words[at + 1] as number) >> 2) {
    if (words[at] === blockTypes.enhancedPacket && timeOf(words, at, base) < (newest[0] as number)) packets++
  }
  return packets
}

/** Notes the last packet of a run, unless it is one of the future. */
function noteNewest({ high, low }: Strand, options: MergeOptions, base: number, future: number): void {
  const time = relative(high, low, base)
  if (time <= (newest[0] as number) || time > future) return
  newest[0] = time
  options.high = high
  options.low = low
}

/** Takes packets of one lane up to a time, and at least one. @returns false when the outlet has no room for one */
function takeRun(strand: Strand, segment: Segment, outlet: Outlet, options: MergeOptions, base: number): boolean {
  const { words } = segment.slab
  const { start, end } = segment
  if (options.left <= 0) {
    discard(strand, segment)
    return true
  }
  if (strand.decorate !== undefined || strand.comment !== undefined || segment.lost > 0) {
    return takeDecorated(strand, segment, outlet, options)
  }
  const limit = start + outlet.slab.words.length - outlet.fill
  const most = options.left
  const bound = until[0] as number
  let packets = 0
  let last = -1
  let at = start
  while (at < end && packets < most) {
    const next = at + ((words[at + 1] as number) >> 2)
    if (next > limit) break
    if (words[at] === blockTypes.enhancedPacket) {
      if (at > start && timeOf(words, at, base) > bound) break
      last = at
      packets++
    }
    at = next
  }
  if (at === start) return false
  if (last >= 0) countRun(strand, words, last, packets, options)
  copyWords(words, start, at, outlet)
  segment.start = at
  strand.lane.queued -= (at - start) << 2
  return true
}

/** Throws away what waits of a segment. */
function discard(strand: Strand, segment: Segment): void {
  strand.lane.queued -= (segment.end - segment.start) << 2
  segment.start = segment.end
}

/** Counts the packets of a run, the last of which stands at a word. */
function countRun(strand: Strand, words: Int32Array, last: number, packets: number, options: MergeOptions): void {
  strand.high = words[last + packetField.timeHigh] as number
  strand.low = words[last + packetField.timeLow] as number
  strand.packets += packets
  // Without a limit it stays what it is, since a number that is no integer is made anew each time.
  if (options.left !== Infinity) options.left -= packets
}

/** Bytes of a comment at most, and words of all that may be added. */
const longestComment = 1_024
const mostAdded = (longestComment + 64) >> 2

const added: Decoration = { flags: 0, lost: 0, packetId: 0, comment: undefined }

/** Takes one block, and adds to it what it is to have. */
function takeDecorated(strand: Strand, segment: Segment, outlet: Outlet, options: MergeOptions): boolean {
  const { words } = segment.slab
  const at = segment.start
  const length = (words[at + 1] as number) >> 2
  const room = outlet.slab.words.length - outlet.fill
  if (words[at] !== blockTypes.enhancedPacket) {
    if (length > room) return false
    copyWords(words, at, at + length, outlet)
  } else {
    if (length + mostAdded > room) return false
    const high = words[at + packetField.timeHigh] as number
    const low = words[at + packetField.timeLow] as number
    const text = strand.comment?.(joined(high, low))
    added.flags = added.packetId = 0
    added.lost = segment.lost
    added.comment = text === undefined ? undefined : Buffer.from(text).subarray(0, longestComment)
    strand.decorate?.(segment.slab, at, added)
    strand.comment = undefined
    if (length * 4 + decorationLength(added) <= maximumBlockLength)
      outlet.fill += writeDecorated(words, at, outlet.slab, outlet.fill, added)
    else copyWords(words, at, at + length, outlet)
    strand.packets++
    strand.lost += segment.lost
    segment.lost = 0
    strand.high = high
    strand.low = low
    options.left--
  }
  segment.start += length
  strand.lane.queued -= length << 2
  return true
}

/** Words from which on one call of the engine is faster than a loop. */
const fewWords = 64

function copyWords(words: Int32Array, from: number, to: number, outlet: Outlet): void {
  const target = outlet.slab.words
  if (to - from > fewWords) target.set(words.subarray(from, to), outlet.fill)
  else for (let at = from, out = outlet.fill; at < to; at++, out++) target[out] = words[at] as number
  outlet.fill += to - from
}

/** Nanoseconds from their two halves. */
export function joined(high: number, low: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
}
