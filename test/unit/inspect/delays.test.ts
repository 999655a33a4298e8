import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeDelays } from '../../../src/inspect/delays.ts'

const largest = 2 ** 31 - 1
/** Of every magnitude, not only of the largest. */
const delay = fc
  .tuple(fc.integer({ min: 0, max: 30 }), fc.double({ min: 1, max: 2, noNaN: true }))
  .map(([power, factor]) => Math.min(largest, Math.floor(2 ** power * factor)))

test('percentiles are right to 3 %, the ends exactly', () => {
  fc.assert(
    fc.property(fc.array(delay, { minLength: 1, maxLength: 300 }), values => {
      const delays = makeDelays()
      for (const value of values) delays.add(value)
      const sorted = [...values].sort((a, b) => a - b)
      const exact = (part: number) => sorted[Math.ceil(part * sorted.length) - 1] ?? 0
      const { min, p50, p99, max } = delays.summary() ?? { min: -1, p50: -1, p99: -1, max: -1 }
      expect([delays.count(), min, max]).toEqual([values.length, sorted[0], sorted.at(-1)])
      expect(Math.abs(p50 - exact(0.5))).toBeLessThanOrEqual(exact(0.5) * 0.03)
      expect(Math.abs(p99 - exact(0.99))).toBeLessThanOrEqual(exact(0.99) * 0.03)
    }),
    { numRuns: 1_000 },
  )
})

test('without a delay there is nothing to tell', () => {
  expect(makeDelays().summary()).toBeUndefined()
})

test('the shortest and the longest have their places', () => {
  const delays = makeDelays()
  delays.add(0)
  delays.add(largest)
  expect(delays.summary()).toEqual({ min: 0, p50: 0, p99: expect.closeTo(largest, -8), max: largest })
})
