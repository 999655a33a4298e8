import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openLane } from '../../../src/pcapng/lane.ts'
import { type MergeOptions, merge, type Strand } from '../../../src/pcapng/merge.ts'
import { makeSlab, slabPool } from '../../../src/pcapng/slab.ts'
import { description, packet } from '../../helpers/blocks.ts'
import { packetData, packetOptions, packetTime, splitBlocks } from '../../helpers/split.ts'

const pool = slabPool()
/** Milliseconds; the packets of the tests are around it. */
const now = 1_795_240_569_000
const at = (milliseconds: number) => BigInt(now + milliseconds) * 1_000_000n

function strand(packets: readonly [time: bigint, data: string][], more: Partial<Strand> = {}): Strand {
  const lane = openLane({ pool, describe: () => 0 })
  lane.push(Buffer.concat([description(9), ...packets.map(([time, data]) => packet(0, time, data))]))
  return { lane, packets: 0, lost: 0, late: 0, high: 0, low: 0, ...more }
}

/** Merges, with an outlet of so many bytes that is emptied whenever it is full. */
function merged(strands: readonly Strand[], options: Partial<MergeOptions> = {}, size = 4_096) {
  const settings: MergeOptions = { pool, window: 300, hold: false, now, left: Infinity, high: 0, low: 0, ...options }
  const outlet = { slab: makeSlab(size), fill: 0 }
  const bytes: Buffer[] = []
  for (;;) {
    const end = merge(strands, outlet, settings)
    bytes.push(Buffer.from(outlet.slab.bytes.subarray(0, outlet.fill * 4)))
    if (end === 'full' && outlet.fill === 0) throw new Error('nothing fits')
    outlet.fill = 0
    if (end !== 'full') return { end, blocks: splitBlocks(Buffer.concat(bytes)) }
  }
}

const datas = (blocks: readonly Buffer[]) => blocks.map(block => packetData(block).toString())

describe('packets of several lanes', () => {
  test('leave in the order of their time, none lost, none changed, whatever the size of the outlet', () => {
    const times = fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 40 })
    fc.assert(
      fc.property(fc.array(times, { minLength: 1, maxLength: 5 }), fc.integer({ min: 60, max: 900 }), (lists, size) => {
        const lists2 = lists.map((list, lane) =>
          [...list]
            .sort((a, b) => a - b)
            .map((time, index) => [at(time - 5_000), `${lane}.${index}`] as [bigint, string]),
        )
        const strands = lists2.map(list => strand(list))
        for (const { lane } of strands) lane.end()
        const { blocks } = merged(strands, {}, size)
        const expected = lists2.flat().sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
        expect(blocks.map(packetTime)).toEqual(expected.map(([time]) => time))
        expect(datas(blocks).sort()).toEqual(expected.map(([, data]) => data).sort())
        expect(strands.map(({ packets }) => packets)).toEqual(lists.map(list => list.length))
        expect(strands.map(({ lane }) => lane.queued)).toEqual(lists.map(() => 0))
      }),
      { numRuns: 1_000 },
    )
  })

  test('wait for a lane that is empty, as long as the window says', () => {
    const strands = [
      strand([
        [at(-400), 'a'],
        [at(-200), 'b'],
        [at(-100), 'c'],
      ]),
      strand([]),
    ]
    const { end, blocks } = merged(strands)
    expect(datas(blocks)).toEqual(['a'])
    expect(end).toBeCloseTo(100, 0)
    expect(datas(merged(strands, { now: now + 150 }).blocks)).toEqual(['b'])
    strands[1]?.lane.end()
    expect(datas(merged(strands, { now: now + 150 }).blocks)).toEqual(['c'])
  })

  describe('that come after the window are written all the same, and counted', () => {
    /** What the lanes have in each step, and how many of each stand behind later ones in the end. */
    test.each<[string, [time: number, data: string][][][], number[]]>([
      ['none, in order', [[[[-900, 'a']], [[-800, 'b']]]], [0, 0]],
      ['none, out of order within the window', [[[[-100, 'b']], [[-200, 'a']]]], [0, 0]],
      [
        'three of a lane that joins',
        [
          [
            [
              [-900, 'a'],
              [-500, 'b'],
            ],
            [],
          ],
          [
            [],
            [
              [-1_400, 'x'],
              [-1_300, 'y'],
              [-600, 'z'],
              [-450, 'in time'],
            ],
          ],
        ],
        [0, 3],
      ],
      [
        'only what is earlier than the latest, which is no packet of the future',
        [
          [
            [
              [-900, 'a'],
              [60_000, 'future'],
            ],
            [],
          ],
          [
            [],
            [
              [-901, 'x'],
              [-899, 'in time'],
            ],
          ],
        ],
        [0, 1],
      ],
      [
        'none of the same instant',
        [
          [[[-900, 'a']], []],
          [[], [[-900, 'b']]],
        ],
        [0, 0],
      ],
    ])('%s', (_, steps, late) => {
      const strands = late.map(() => strand([]))
      const settings: MergeOptions = { pool, window: 300, hold: false, now, left: Infinity, high: 0, low: 0 }
      for (const step of steps) {
        for (const [index, packets] of step.entries())
          strands[index]?.lane.push(Buffer.concat(packets.map(([time, data]) => packet(0, at(time), data))))
        const outlet = { slab: makeSlab(4_096), fill: 0 }
        while (merge(strands, outlet, settings) === 'full') outlet.fill = 0
      }
      expect(strands.map(one => one.late)).toEqual(late)
    })

    test('the decorated ones too, none where no packet waits, and none of what is thrown away', () => {
      const run = (options: Partial<MergeOptions>, more: Partial<Strand> = {}) => {
        const strands = [strand([[at(-900), 'a']]), strand([], more)]
        const settings: MergeOptions = {
          pool,
          window: 300,
          hold: false,
          now,
          left: Infinity,
          high: 0,
          low: 0,
          ...options,
        }
        const outlet = { slab: makeSlab(4_096), fill: 0 }
        merge(strands, outlet, settings)
        strands[1]?.lane.push(Buffer.concat([packet(0, at(-1_000), 'x'), packet(0, at(-950), 'y')]))
        merge(strands, outlet, settings)
        return strands[1]?.late
      }
      expect([run({}), run({}, { decorate: () => {} }), run({ window: 0 }), run({ left: 1 })]).toEqual([2, 2, 0, 0])
    })
  })

  test('do not wait without a window, nor alone; alone they do when they are held back', () => {
    const fresh = () => strand([[at(0), 'a']])
    expect(datas(merged([fresh(), strand([])], { window: 0 }).blocks)).toEqual(['a'])
    expect(datas(merged([fresh()]).blocks)).toEqual(['a'])
    expect(merged([fresh()], { hold: true })).toMatchObject({ blocks: [], end: expect.closeTo(300, 0) })
  })

  test('of a clock that was set back do not wait for it to come again', () => {
    expect(datas(merged([strand([[at(3_600_000), 'later']]), strand([])]).blocks)).toEqual(['later'])
  })

  test('are as many as were asked for', () => {
    const strands = [
      strand([
        [at(-9), 'a'],
        [at(-7), 'c'],
      ]),
      strand([
        [at(-8), 'b'],
        [at(-6), 'd'],
      ]),
    ]
    expect(datas(merged(strands, { left: 3 }).blocks)).toEqual(['a', 'b', 'c'])
    expect(strands.map(({ lane }) => lane.queued)).toEqual([0, 0])
  })
})

describe('packets that are given something', () => {
  test('keep what they have', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 50 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 2 ** 31 - 1 }),
        fc.nat(2 ** 40),
        fc.option(fc.string({ minLength: 1, maxLength: 100 }), { nil: undefined }),
        (data, hasOptions, flags, packetId, comment) => {
          const lane = openLane({ pool, describe: () => 0 })
          lane.push(Buffer.concat([description(9), packet(0, at(-1), data, hasOptions)]))
          const decorate: Strand['decorate'] = (_, __, added) => Object.assign(added, { flags, packetId })
          const one: Strand = { lane, decorate, packets: 0, lost: 0, late: 0, high: 0, low: 0 }
          if (comment !== undefined) one.comment = () => comment
          const [block = Buffer.alloc(0)] = merged([one]).blocks
          expect(packetData(block).toString()).toBe(data)
          const number = (value: number) => {
            const bytes = Buffer.alloc(8)
            bytes.writeBigUInt64LE(BigInt(value))
            return bytes
          }
          expect(packetOptions(block)).toEqual([
            ...(comment === undefined ? [] : [{ code: 1, value: Buffer.from(comment) }]),
            ...(flags > 0 ? [{ code: 2, value: number(flags).subarray(0, 4) }] : []),
            ...(packetId > 0 ? [{ code: 5, value: number(packetId) }] : []),
            ...(hasOptions ? [{ code: 2, value: Buffer.from([1, 0, 0, 0]) }] : []),
            { code: 0, value: Buffer.alloc(0) },
          ])
        },
      ),
    )
  })

  test('tell how many were lost before them, once; a comment stands on the first', () => {
    const one = strand([])
    one.comment = time => `first at ${time - at(0)}`
    one.lane.push(packet(0, at(-3), 'lost'), true)
    one.lane.push(Buffer.concat([packet(0, at(-2), 'a'), packet(0, at(-1), 'b')]))
    const { blocks } = merged([one])
    expect(
      blocks.map(block =>
        packetOptions(block).map(({ code, value }) => [code, code === 1 ? value.toString() : value.length]),
      ),
    ).toEqual([
      [
        [1, 'first at -2000000'],
        [4, 8],
        [0, 0],
      ],
      [],
    ])
    expect(one).toMatchObject({ packets: 2, lost: 1 })
  })
})
