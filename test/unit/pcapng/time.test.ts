import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeClock, nanosecondsBetween, nanosecondsOf, timeOf, timeText } from '../../../src/pcapng/time.ts'

const half = fc.integer({ min: 0, max: 0xffffffff })

/** What the draft says, in plain bigint. */
function exact(resolution: number, units: bigint): bigint {
  const perSecond = resolution < 0x80 ? 10n ** BigInt(resolution) : 2n ** BigInt(resolution & 0x7f)
  return (units * 1_000_000_000n) / perSecond
}

test('every unit of time is exact', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), half, half, (resolution, high, low) => {
      const units = (BigInt(high) << 32n) | BigInt(low)
      const time = timeOf(makeClock(resolution), high, low)
      // Where seconds alone are more than a number keeps, they are as near as a number comes.
      if (exact(resolution, units) / 1_000_000_000n < 2n ** 53n) {
        expect(nanosecondsOf(time)).toBe(exact(resolution, units))
      } else expect(Number.isFinite(time.seconds)).toBe(true)
    }),
    { numRuns: 5_000 },
  )
})

test('an offset is added, and a time before 1970 is one', () => {
  expect(nanosecondsOf(timeOf(makeClock(6, -1), 0, 1))).toBe(-999_999_000n)
  expect(nanosecondsOf(timeOf(makeClock(9, 3_600), 0, 5))).toBe(3_600_000_000_005n)
})

test('the time between two times is theirs', () => {
  const time = fc.record({
    seconds: fc.integer({ min: 0, max: 4_000_000 }),
    nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
  })
  fc.assert(
    fc.property(time, time, (from, to) => {
      expect(BigInt(nanosecondsBetween(from, to))).toBe(nanosecondsOf(to) - nanosecondsOf(from))
    }),
  )
})

test.each([
  [1_795_240_569, 476_906_206, '2026-11-21T05:56:09.476906206Z'],
  [0, 1, '1970-01-01T00:00:00.000000001Z'],
  [-1, 5, '1969-12-31T23:59:59.000000005Z'],
  [2 ** 50, 7, '1125899906842624.000000007'],
])('%d seconds are told', (seconds, nanoseconds, told) => {
  expect(timeText({ seconds, nanoseconds })).toBe(told)
})
