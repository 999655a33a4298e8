/**
 * Delays without end in little memory: buckets that grow with what they hold, 32 to each power of two, so that a percentile
 * is right to 3 %.
 */
import type { Delay } from './model.ts'

/** A histogram of delays. */
export interface Delays {
  /** Counts a delay in whole nanoseconds, 0 to 2^31 - 1. */
  add(nanoseconds: number): void
  count(): number
  /** Undefined when there was none. */
  summary(): Delay | undefined
}

/** Bits of a delay that are told apart. */
const bits = 5
const perPower = 1 << bits
const buckets = (31 - bits + 1) * perPower

/** A histogram without any; it takes 3 KiB once it has one. */
export function makeDelays(): Delays {
  let counts: Uint32Array | undefined
  let count = 0
  let min = Infinity
  let max = 0
  const percentile = (part: number): number => {
    let left = Math.ceil(part * count)
    const index = counts?.findIndex(inBucket => {
      left -= inBucket
      return left <= 0
    })
    return Math.min(max, Math.max(min, middleOf(index ?? 0)))
  }
  return {
    add(nanoseconds) {
      counts ??= new Uint32Array(buckets)
      const bucket = bucketOf(nanoseconds)
      counts[bucket] = (counts[bucket] ?? 0) + 1
      count++
      if (nanoseconds < min) min = nanoseconds
      if (nanoseconds > max) max = nanoseconds
    },
    count: () => count,
    summary: () => (count === 0 ? undefined : { min, p50: percentile(0.5), p99: percentile(0.99), max }),
  }
}

/** Small delays have a bucket each; of larger ones the leading bits decide. */
function bucketOf(value: number): number {
  const excess = Math.max(0, 31 - Math.clz32(value) - bits)
  return excess * perPower + (value >>> excess)
}

/** The middle of what a bucket holds. */
function middleOf(bucket: number): number {
  const excess = Math.max(0, Math.floor(bucket / perPower) - 1)
  return (bucket - excess * perPower) * 2 ** excess + Math.floor((2 ** excess - 1) / 2)
}
