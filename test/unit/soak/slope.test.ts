/** The statistics of a soak: they find what leaks, and are not alarmed by what only comes and goes. */
import { describe, expect, test } from 'vitest'
import { randomFrom } from '../../helpers/random.ts'
import { judge, type Measure } from '../../soak/measure.ts'
import { slopeOf } from '../../soak/slope.ts'

/** Ten minutes with a sample every two seconds, and as many captures as two processors manage. */
const seconds = Array.from({ length: 300 }, (_, at) => at * 2)
const captures = 2_700
const random = randomFrom(7)

/** Samples of what is held for a while, on top of what stays, with what each capture leaves behind. */
function samples(level: number, comesAndGoes: number, perCapture: number) {
  return seconds.map(second => ({
    seconds: second,
    value: level + random.below(comesAndGoes + 1) + Math.floor((second / 600) * captures * perCapture),
  }))
}

const grows = (measure: Measure, level: number, comesAndGoes: number, perCapture: number) =>
  judge(measure, samples(level, comesAndGoes, perCapture), captures).grows

describe('a leak', () => {
  test.each<[string, Measure, number, number, number]>([
    ['of a descriptor a capture', 'descriptors', 40, 25, 1],
    ['of a descriptor every fifth capture', 'descriptors', 40, 25, 0.2],
    ['of a process every fifth capture', 'processes', 0, 8, 0.2],
    ['of a file every fifth capture', 'files', 0, 4, 0.2],
    ['of 10 KiB a capture', 'RssAnon KiB', 90_000, 6_000, 10],
    ['of a ticket every fifth capture', 'tickets', 3, 6, 0.2],
  ])('%s is found', (_, measure, level, comesAndGoes, perCapture) => {
    expect(grows(measure, level, comesAndGoes, perCapture)).toBe(true)
  })
})

test.each<[Measure, number, number]>([
  ['descriptors', 40, 25],
  ['processes', 0, 8],
  ['RssAnon KiB', 90_000, 30_000],
])('%s that only come and go do not grow', (measure, level, comesAndGoes) => {
  expect(grows(measure, level, comesAndGoes, 0)).toBe(false)
})

describe('a slope', () => {
  const line = (perSecond: number, wild: number) =>
    seconds.slice(0, 24).map(second => ({ seconds: second, value: second * perSecond + (second === wild ? 1e6 : 0) }))

  test('of a line is that of the line, whatever one sample does', () => {
    for (const wild of [-1, 0, 20, 46]) expect(slopeOf(line(0.5, wild)).perHour).toBeCloseTo(1_800, 6)
  })

  test('is in its interval 95 times of 100', () => {
    let inside = 0
    for (let time = 0; time < 1_000; time++) {
      const noisy = line(1, -1).map(({ seconds, value }) => ({ seconds, value: value + random.below(1_000) / 100 }))
      const { low, high } = slopeOf(noisy)
      if (low <= 3_600 && 3_600 <= high) inside++
    }
    expect(inside).toBeGreaterThan(925)
    expect(inside).toBeLessThan(985)
  })
})
