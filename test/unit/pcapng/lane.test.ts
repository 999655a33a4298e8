import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Lane, openLane } from '../../../src/pcapng/lane.ts'
import { slabPool } from '../../../src/pcapng/slab.ts'
import { description, packet, sectionHeader, statistics } from '../../helpers/blocks.ts'
import { splitBlocks } from '../../helpers/split.ts'

/** A block nobody knows, with bytes of its own. */
function unknown(type: number, data: Buffer): Buffer {
  const length = 12 + data.length + (-data.length & 3)
  const block = Buffer.alloc(length)
  block.writeUInt32LE(type, 0)
  block.writeUInt32LE(length, 4)
  data.copy(block, 8)
  block.writeUInt32LE(length, length - 4)
  return block
}

function laneInto(described: Buffer[] = [], from = 5): Lane {
  return openLane({
    pool: slabPool(),
    describe(block) {
      described.push(block)
      return from + described.length - 1
    },
  })
}

/** Everything that waits in a lane, as it lies there. */
function waiting({ segments }: Lane): Buffer {
  return Buffer.concat(segments.map(({ slab, start, end }) => slab.bytes.subarray(start * 4, end * 4)))
}

/** The same packet with another interface number. */
function renumbered(block: Buffer, number: number): Buffer {
  const copy = Buffer.from(block)
  copy.writeUInt32LE(number, 8)
  return copy
}

const packets = [
  packet(0, 5n, 'abc'),
  unknown(0x0bad, Buffer.from('kept as it is')),
  packet(1, 6n, '', true),
  unknown(0x80001234, Buffer.from([1])),
  packet(0, 7n, 'x'.repeat(3_000)),
]
const stream = Buffer.concat([
  sectionHeader(),
  description(9),
  description(9),
  ...packets,
  statistics(1),
  packets[0] as Buffer,
])
const kept = Buffer.concat([
  ...packets.map(block =>
    [0, 1].includes(block.readUInt32LE(8)) && block.readUInt32LE(0) === 6
      ? renumbered(block, 5 + block.readUInt32LE(8))
      : block,
  ),
  renumbered(packets[0] as Buffer, 5),
])

describe('a source in pieces of any size', () => {
  test('keeps packets and unknown blocks byte for byte, but for the interface number', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: stream.length })), fc.boolean(), (cuts, inPlace) => {
        const described: Buffer[] = []
        const lane = laneInto(described)
        const edges = [...cuts.sort((a, b) => a - b), stream.length]
        edges.forEach((edge, index) => {
          const piece = stream.subarray(edges[index - 1] ?? 0, edge)
          if (inPlace && piece.length <= lane.space().length) lane.commit(piece.copy(lane.space()))
          else lane.push(piece)
        })
        expect(waiting(lane).equals(kept)).toBe(true)
        expect(described.map(block => block.equals(description(9)))).toEqual([true, true])
        expect(lane.statistics.map(block => block.readUInt32LE(8))).toEqual([6])
        expect(lane.queued).toBe(kept.length)
      }),
      { numRuns: 2_000 },
    )
  })

  test('at every single border', () => {
    for (let border = 0; border <= stream.length; border++) {
      const lane = laneInto()
      lane.push(stream.subarray(0, border))
      lane.push(stream.subarray(border))
      expect(waiting(lane).equals(kept)).toBe(true)
    }
  })

  test('longer than any slab, over and over, without holding more than what waits', () => {
    const pool = slabPool()
    const lane = openLane({ pool, describe: () => 0 })
    lane.push(Buffer.concat([sectionHeader(), description(9)]))
    const large = packet(0, 1n, 'y'.repeat(250_000))
    for (let round = 0; round < 20; round++) {
      lane.push(large.subarray(0, 100_000))
      lane.push(large.subarray(100_000))
      expect(waiting(lane).equals(large)).toBe(true)
      for (const { slab } of lane.segments.splice(0)) pool.drop(slab)
    }
    expect(pool.used()).toBeLessThan(1_000_000)
    lane.close()
    expect(pool.used()).toBe(0)
  })

  test('counts what it has no room for, and says so where it would have stood', () => {
    const lane = laneInto()
    lane.push(Buffer.concat([sectionHeader(), description(9), description(9)]))
    lane.push(packets[0] as Buffer)
    lane.push(Buffer.concat(packets), true)
    expect(lane.lost()).toBe(3)
    lane.push(packets[2] as Buffer)
    expect(lane.segments.map(({ lost }) => lost)).toEqual([0, 3])
    expect(lane.lost()).toBe(0)
  })

  test('of which only some packets are taken', () => {
    const lane = openLane({ pool: slabPool(), describe: () => 0, accept: (words, at) => words[at + 4] === 7 })
    lane.push(stream)
    const blocks = splitBlocks(waiting(lane))
    expect(blocks.filter(block => block.readUInt32LE(0) === 6).map(block => block.readUInt32LE(16))).toEqual([7])
  })
})

describe('what is refused', () => {
  const damaged = (at: number, value: number, block = packets[0] as Buffer) => {
    const copy = Buffer.from(block)
    copy.writeUInt32LE(value >>> 0, at)
    return Buffer.concat([description(9), copy])
  }
  test.each([
    ['a length that is too small', damaged(4, 8)],
    ['a length that is no multiple of 4', damaged(4, 37)],
    ['a length beyond all measure', damaged(4, 0x7fff_fffc)],
    ['a negative length', damaged(4, 0xffff_fffc)],
    ['two lengths that differ', damaged((packets[0] as Buffer).length - 4, 40)],
    ['a packet longer than its block', damaged(20, 4_000)],
    ['an interface that was not described', damaged(8, 3)],
    ['an interface that counts microseconds', description(6)],
    ['an interface that does not say what it counts', description()],
    ['a simple packet', unknown(3, Buffer.from('a simple packet'))],
    ['a section of the other byte order', unknown(0x0a0d0d0a, Buffer.from('1a2b3c4d00010000ffffffffffffffff', 'hex'))],
  ])('%s', (_, bytes) => {
    expect(() => laneInto().push(bytes)).toThrow(RangeError)
  })

  test('or taken: nothing else happens, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), fc.boolean(), (pieces, sound) => {
        const lane = laneInto()
        try {
          if (sound) lane.push(stream)
          for (const piece of pieces) lane.push(Buffer.from(piece))
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
      { numRuns: 5_000 },
    )
  })
})
