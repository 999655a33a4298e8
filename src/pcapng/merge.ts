/**
 * Takes packets out of lanes in the order of their time, and writes them side by side. Nothing is made for a packet: whole
 * runs of one lane are copied at once, up to where another lane comes first.
 *
 * dumpcap hands a packet on up to 250 ms late, so a lane that is empty may still have an earlier one. A packet waits until
 * every lane has one, or until the window has passed. A clock that was set back makes packets of the future: those do not wait.
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
  /** Packets lost in its queue, as far as the packets taken tell. */
  lost: number
  /** Time of its last packet, two halves of nanoseconds since 1970. */
  high: number
  low: number
}

/** Where merged packets go. */
export interface Outlet {
  readonly slab: Slab
  /** Words written. */
  fill: number
}

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
}

/** `full`: the outlet is; a number: milliseconds until the next packet may go; undefined: none is there. */
export type MergeEnd = 'full' | number | undefined

const half = 2 ** 32

/** Merges as much as may go now. */
export function merge(strands: readonly Strand[], outlet: Outlet, options: MergeOptions): MergeEnd {
  const { now, window, hold, pool } = options
  const latest = nanoseconds(now - window)
  const future = nanoseconds(now + 10)
  for (;;) {
    let first: Strand | undefined
    let high = Infinity
    let low = Infinity
    let boundHigh = Infinity
    let boundLow = Infinity
    let missing = 0
    for (const strand of strands) {
      const segment = strand.lane.segments[0]
      if (segment === undefined) {
        if (!strand.lane.isEnded()) missing++
        continue
      }
      const { words } = segment.slab
      const isPacket = words[segment.start] === blockTypes.enhancedPacket
      let h = isPacket ? (words[segment.start + packetField.timeHigh] as number) >>> 0 : 0
      const l = isPacket ? (words[segment.start + packetField.timeLow] as number) >>> 0 : 0
      if (isAfter(h, l, future.high, future.low)) h = 0
      if (isAfter(high, low, h, l)) {
        boundHigh = high
        boundLow = low
        high = h
        low = l
        first = strand
      } else if (isAfter(boundHigh, boundLow, h, l)) {
        boundHigh = h
        boundLow = l
      }
    }
    if (first === undefined) return undefined
    if (options.left > 0 && (hold || (missing > 0 && window > 0))) {
      if (isAfter(high, low, latest.high, latest.low)) return Math.max(1, milliseconds(high, low) + window - now)
      if (isAfter(boundHigh, boundLow, latest.high, latest.low)) {
        boundHigh = latest.high
        boundLow = latest.low
      }
    }
    if (!takeRun(first, outlet, options, boundHigh, boundLow)) return 'full'
    const [segment] = first.lane.segments
    if (segment !== undefined && segment.start === segment.end) {
      first.lane.segments.shift()
      pool.drop(segment.slab)
    }
  }
}

/** Takes packets of one lane up to a time, and at least one. @returns false when the outlet has no room for one */
function takeRun(strand: Strand, outlet: Outlet, options: MergeOptions, boundHigh: number, boundLow: number): boolean {
  const { lane } = strand
  const segment = lane.segments[0] as Segment
  const { words } = segment.slab
  const { start, end } = segment
  if (options.left <= 0) {
    segment.start = end
    lane.queued -= (end - start) << 2
    return true
  }
  if (strand.decorate !== undefined || strand.comment !== undefined || segment.lost > 0) {
    return takeDecorated(strand, segment, outlet, options)
  }
  const limit = start + outlet.slab.words.length - outlet.fill
  const most = options.left
  let packets = 0
  let high = strand.high
  let low = strand.low
  let at = start
  while (at < end && packets < most) {
    const next = at + ((words[at + 1] as number) >> 2)
    if (next > limit) break
    if (words[at] === blockTypes.enhancedPacket) {
      const nextHigh = (words[at + packetField.timeHigh] as number) >>> 0
      const nextLow = (words[at + packetField.timeLow] as number) >>> 0
      if (at > start && isAfter(nextHigh, nextLow, boundHigh, boundLow)) break
      high = nextHigh
      low = nextLow
      packets++
    }
    at = next
  }
  if (at === start) return false
  strand.high = high
  strand.low = low
  strand.packets += packets
  options.left -= packets
  copyWords(words, start, at, outlet)
  segment.start = at
  lane.queued -= (at - start) << 2
  return true
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
    const high = (words[at + packetField.timeHigh] as number) >>> 0
    const low = (words[at + packetField.timeLow] as number) >>> 0
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

function isAfter(high: number, low: number, thanHigh: number, thanLow: number): boolean {
  return high > thanHigh || (high === thanHigh && low > thanLow)
}

/** Two halves of nanoseconds, from milliseconds; exact to a quarter of a microsecond. */
function nanoseconds(time: number): { readonly high: number; readonly low: number } {
  const total = Math.max(0, time) * 1e6
  const high = Math.floor(total / half)
  return { high, low: total - high * half }
}

function milliseconds(high: number, low: number): number {
  return (high * half + low) / 1e6
}

/** Nanoseconds from their two halves. */
export function joined(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low)
}
