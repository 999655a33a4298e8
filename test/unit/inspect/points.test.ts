import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makePoints } from '../../../src/inspect/points.ts'

const time = (nanoseconds: number) => ({
  seconds: 1_795_240_569 + Math.floor(nanoseconds / 1e9),
  nanoseconds: nanoseconds % 1e9,
})

/** Sightings as a file has them: where, which packet, when in nanoseconds. */
function pairsOf(sightings: readonly (readonly [point: number, id: number | bigint, nanoseconds: number])[]) {
  const points = makePoints()
  for (const [point, id, nanoseconds] of sightings) points.see(point, id, time(nanoseconds))
  return points.pairs()
}

describe('two points', () => {
  test('are told each way, with what never came', () => {
    const delay = { min: 500, p50: 500, p99: 500, max: 500 }
    expect(
      pairsOf([
        ...[[0, 1, 0] as const, [1, 1, 500] as const],
        ...[[1, 2, 1_000] as const, [0, 2, 1_500] as const],
        ...[[0, 3, 2_000] as const, [1, 3, 2_500] as const],
        [0, 4, 3_000],
        [1, 5, 3_000],
        [1, 6, 3_000],
      ]),
    ).toEqual([
      { from: 0, to: 1, packets: 2, delay, onlyAtFrom: 1 },
      { from: 1, to: 0, packets: 1, delay, onlyAtFrom: 2 },
    ])
  })

  test('go by the clock, not by the order in the file; in a draw by that', () => {
    expect(pairsOf([...[[1, 1, 700] as const, [0, 1, 200] as const]])).toMatchObject([
      { from: 0, to: 1, packets: 1, delay: { min: 500 } },
      { from: 1, to: 0, packets: 0 },
    ])
    const draw = pairsOf([
      [1, 1, 700],
      [0, 1, 700],
    ])
    expect(draw).toMatchObject([
      { from: 0, to: 1, packets: 0 },
      { from: 1, to: 0, packets: 1, delay: { max: 0 } },
    ])
  })

  test('more than a second apart see two packets', () => {
    const seen = (gap: number) =>
      pairsOf([
        [0, 7, 0],
        [1, 7, gap],
        [0, 8, gap],
        [1, 8, gap],
      ])[0]
    expect(seen(1_000_000_000)).toMatchObject({ packets: 2, onlyAtFrom: 0 })
    expect(seen(1_000_000_001)).toMatchObject({ packets: 1, onlyAtFrom: 1 })
  })

  test('that see a packet twice have seen it once', () => {
    expect(
      pairsOf([
        [0, 1, 0],
        [0, 1, 10],
        [1, 1, 20],
        [1, 1, 30],
      ]),
    ).toMatchObject([
      { packets: 1, delay: { min: 20, max: 20 }, onlyAtFrom: 0 },
      { packets: 0, onlyAtFrom: 0 },
    ])
  })

  test('of one section are not those of the next', () => {
    const points = makePoints()
    points.see(0, 1, time(0))
    points.forget()
    points.see(1, 1, time(10))
    expect(points.pairs()).toEqual([])
  })
})

test('three points are three pairs', () => {
  expect(
    pairsOf([
      [0, 1n << 60n, 0],
      [1, 1n << 60n, 10],
      [2, 1n << 60n, 30],
    ]).filter(({ packets }) => packets > 0),
  ).toMatchObject([
    { from: 0, to: 1, delay: { p50: 10 } },
    { from: 0, to: 2, delay: { p50: 30 } },
    { from: 1, to: 2, delay: { p50: 20 } },
  ])
})

test('every packet is at both points, or only at one', () => {
  const packet = fc.record({ at: fc.constantFrom('a', 'b', 'both'), delay: fc.integer({ min: -900, max: 900 }) })
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 400 }), packets => {
      const sightings = packets.flatMap(({ at, delay }, id) => [
        ...(at === 'b' ? [] : [[0, id, 1_000 * id + 1_000] as const]),
        ...(at === 'a' ? [] : [[1, id, 1_000 * id + 1_000 + delay] as const]),
      ])
      const [there, back] = pairsOf(sightings)
      const how = (wanted: string) => packets.filter(({ at }) => at === wanted).length
      expect((there?.packets ?? 0) + (back?.packets ?? 0)).toBe(how('both'))
      if (how('both') > 0) expect([there?.onlyAtFrom, back?.onlyAtFrom]).toEqual([how('a'), how('b')])
    }),
  )
})

test('ids without end are forgotten in time', () => {
  const points = makePoints()
  // 65,536 are remembered; one more, and the older half of them is forgotten.
  for (let id = 0; id < 65_536; id++) points.see(0, id, time(0))
  for (const id of [0, 32_768, 65_535]) points.see(1, id, time(10))
  points.see(0, 65_536, time(0))
  for (const id of [1, 32_767, 32_769]) points.see(1, id, time(10))
  expect(points.pairs()[0]).toMatchObject({ packets: 4 })
})

test('more pairs than one can read are not told', () => {
  const points = makePoints()
  for (let point = 0; point < 4_000; point++) {
    points.see(point, point, time(0))
    points.see(point + 1, point, time(1))
  }
  expect(points.pairs()).toHaveLength(2 * 2_048)
})
