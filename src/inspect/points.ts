/**
 * The same packet at several interfaces: what it took from one to the other, and what never came. The packets say
 * themselves that they are one (epb_packetid, equal at every interface; draft-ietf-opsawg-pcapng §4.3). remora counts its
 * ids upwards and sees a packet everywhere within moments, so only the latest ids are remembered.
 */
import { nanosecondsBetween, type Time } from '../pcapng/time.ts'
import { type Delays, makeDelays } from './delays.ts'
import type { PointPair } from './model.ts'

/** What was seen where. */
export interface Points {
  /** A packet with an id at an interface; a number below 65,536. */
  see(point: number, id: number | bigint, time: Time): void
  /** Ids begin anew: another section. */
  forget(): void
  pairs(): PointPair[]
}

/** Nanoseconds between two sightings of one packet; what is further apart are two packets. */
const window = 1_000_000_000
/** Ids in each of two generations: together all that are remembered. */
const generation = 32_768
/** Interfaces one packet is looked for at. */
const mostSightings = 16
/** Pairs of interfaces that are told of: 64 interfaces, each with each. */
const mostPairs = 2_048

interface Sighting {
  readonly point: number
  readonly time: Time
  next: Sighting | undefined
}

interface Pair {
  readonly a: number
  readonly b: number
  readonly forward: Delays
  readonly backward: Delays
}

/** A record of sightings without any. */
export function makePoints(): Points {
  const pairs = new Map<number, Pair>()
  const seenAt: number[] = []
  let young = new Map<number | bigint, Sighting>()
  let old = new Map<number | bigint, Sighting>()

  const pairOf = (a: number, b: number): Pair | undefined => {
    const key = a * 65_536 + b
    const known = pairs.get(key)
    if (known !== undefined || pairs.size >= mostPairs) return known
    const pair = { a, b, forward: makeDelays(), backward: makeDelays() }
    pairs.set(key, pair)
    return pair
  }
  const relate = (one: Sighting, other: Sighting) => {
    const [a, b] = one.point < other.point ? [one, other] : [other, one]
    const delay = nanosecondsBetween(a.time, b.time)
    const pair = pairOf(a.point, b.point)
    // Where both clocks say the same, the one that came first in the file was first.
    const isForward = delay > 0 || (delay === 0 && a === one)
    ;(isForward ? pair?.forward : pair?.backward)?.add(Math.abs(delay))
  }

  return {
    see(point, id, time) {
      const first = young.get(id) ?? old.get(id)
      const sighting = { point, time, next: undefined }
      if (first === undefined || Math.abs(nanosecondsBetween(first.time, time)) > window) {
        if (young.size >= generation) {
          old = young
          young = new Map()
        }
        young.set(id, sighting)
      } else if (!addTo(first, sighting, relate)) return
      seenAt[point] = (seenAt[point] ?? 0) + 1
    },
    forget() {
      young = new Map()
      old = new Map()
    },
    pairs: () =>
      [...pairs.values()].flatMap(({ a, b, forward, backward }) => {
        const both = forward.count() + backward.count()
        return [summarise(a, b, forward, both, seenAt), summarise(b, a, backward, both, seenAt)]
      }),
  }
}

/** @returns false when the packet was there already, or at too many places to look further */
function addTo(first: Sighting, sighting: Sighting, relate: (one: Sighting, other: Sighting) => void): boolean {
  let last = first
  let count = 0
  for (let each: Sighting | undefined = first; each !== undefined; each = each.next) {
    if (each.point === sighting.point || ++count >= mostSightings) return false
    last = each
  }
  for (let each: Sighting | undefined = first; each !== undefined; each = each.next) relate(each, sighting)
  last.next = sighting
  return true
}

function summarise(from: number, to: number, delays: Delays, both: number, seenAt: readonly number[]): PointPair {
  return {
    from,
    to,
    packets: delays.count(),
    delay: delays.summary(),
    onlyAtFrom: Math.max(0, (seenAt[from] ?? 0) - both),
  }
}
