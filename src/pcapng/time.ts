/**
 * Times of pcapng: 64 bits of units since 1970, the unit and an offset told by each interface (if_tsresol, if_tsoffset;
 * draft-ietf-opsawg-pcapng §4.2). In nanoseconds a time of our days has 61 bits, more than a number keeps exactly, and
 * a bigint a packet costs more than the rest of reading it; so a time is whole seconds and nanoseconds.
 */

export interface Time {
  /** Since 1970, UTC; negative before. Exact up to 2^53. */
  readonly seconds: number
  /** 0 to 999,999,999; what is finer is cut off. */
  readonly nanoseconds: number
}

/** How an interface counts time. */
export interface Clock {
  /** Nanoseconds in a unit where that is a whole number, else 0. */
  readonly nanoseconds: number
  readonly unitsPerSecond: number
  /** `if_tsresol` as it stands in the file. */
  readonly resolution: number
  /** Seconds to add. */
  readonly offset: number
}

/** The resolution of an interface that tells none: microseconds. */
export const defaultResolution = 6

/**
 * @param resolution if_tsresol: a negative power of ten, with the highest bit set of two
 * @param offset if_tsoffset in seconds
 */
export function makeClock(resolution = defaultResolution, offset = 0): Clock {
  const isWhole = resolution <= 9
  const nanoseconds = isWhole ? 10 ** (9 - resolution) : 0
  return { nanoseconds, unitsPerSecond: isWhole ? 10 ** resolution : 0, resolution, offset }
}

/** Time of a packet, from the two halves of its units. */
export function timeOf(clock: Clock, high: number, low: number): Time {
  const { nanoseconds, unitsPerSecond: unit, offset } = clock
  if (nanoseconds === 0) return fineTime(clock, high, low)
  // Long division in three digits, no step of which leaves the 53 bits a number has.
  const first = Math.floor(high / unit)
  const middle = (high - first * unit) * 0x10000 + (low >>> 16)
  const second = Math.floor(middle / unit)
  const last = (middle - second * unit) * 0x10000 + (low & 0xffff)
  const third = Math.floor(last / unit)
  return {
    seconds: first * 0x100000000 + second * 0x10000 + third + offset,
    nanoseconds: (last - third * unit) * nanoseconds,
  }
}

/** Units finer than a nanosecond, and powers of two: rare enough for bigint. */
function fineTime({ resolution, offset }: Clock, high: number, low: number): Time {
  const units = (BigInt(high) << 32n) | BigInt(low)
  const perSecond = (resolution & 0x80) === 0 ? 10n ** BigInt(resolution) : 1n << BigInt(resolution & 0x7f)
  return {
    seconds: Number(units / perSecond) + offset,
    nanoseconds: Number(((units % perSecond) * 1_000_000_000n) / perSecond),
  }
}

/** A time in nanoseconds since 1970, exact. */
export function nanosecondsOf({ seconds, nanoseconds }: Time): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
}

/** Nanoseconds from one time to another; exact for as long as 104 days. */
export function nanosecondsBetween(from: Time, to: Time): number {
  return (to.seconds - from.seconds) * 1_000_000_000 + (to.nanoseconds - from.nanoseconds)
}

/** A time as RFC 3339 with nanoseconds, `2026-11-21T11:47:45.123456789Z`; seconds since 1970 beyond the years of a Date. */
export function timeText({ seconds, nanoseconds }: Time): string {
  const fraction = String(nanoseconds).padStart(9, '0')
  if (Math.abs(seconds) > 8.64e12) return `${seconds}.${fraction}`
  return new Date(seconds * 1_000).toISOString().replace(/\d{3}Z$/, `${fraction}Z`)
}
