import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pcapReader } from '../../../src/pcapng/pcap.ts'
import { packetData, packetTime, splitBlocks } from '../../helpers/split.ts'

function header(magic = 0xa1b23c4d): Buffer {
  const bytes = Buffer.alloc(24)
  bytes.writeUInt32LE(magic, 0)
  bytes.writeUInt32LE(65_535, 16)
  bytes.writeUInt32LE(113, 20)
  return bytes
}

function record(seconds: number, nanoseconds: number, data: Buffer): Buffer {
  const bytes = Buffer.alloc(16)
  for (const [index, value] of [seconds, nanoseconds, data.length, data.length + 7].entries()) {
    bytes.writeUInt32LE(value, index * 4)
  }
  return Buffer.concat([bytes, data])
}

const records = fc.array(
  fc.tuple(
    fc.integer({ min: 0, max: 0xffff_ffff }),
    fc.integer({ min: 0, max: 999_999_999 }),
    fc.uint8Array({ maxLength: 70 }),
  ),
  { maxLength: 12 },
)

test('records become packets, in pieces of any size', () => {
  fc.assert(
    fc.property(records, fc.array(fc.nat(2_000)), (list, cuts) => {
      const stream = Buffer.concat([header(), ...list.map(([s, ns, data]) => record(s, ns, Buffer.from(data)))])
      const taken: Buffer[] = []
      const described: number[][] = []
      const read = pcapReader(
        (...values) => {
          described.push(values)
          return Buffer.alloc(0)
        },
        blocks => taken.push(Buffer.from(blocks)),
      )
      const edges = [...cuts.filter(cut => cut < stream.length).sort((a, b) => a - b), stream.length]
      for (const [index, edge] of edges.entries()) read(stream.subarray(edges[index - 1] ?? 0, edge))
      const blocks = splitBlocks(Buffer.concat(taken))
      expect(described).toEqual([[113, 65_535]])
      expect(blocks.map(packetTime)).toEqual(list.map(([s, ns]) => BigInt(s) * 1_000_000_000n + BigInt(ns)))
      expect(
        blocks.map(block => packetData(block).equals(Buffer.from(list[blocks.indexOf(block)]?.[2] ?? []))),
      ).toEqual(list.map(() => true))
      expect(blocks.map(block => block.readUInt32LE(24))).toEqual(list.map(([, , data]) => data.length + 7))
    }),
    { numRuns: 1_000 },
  )
})

test('anything else is refused', () => {
  const read = () =>
    pcapReader(
      () => Buffer.alloc(0),
      () => {},
    )
  expect(() => read()(header(0xa1b2c3d4))).toThrow(RangeError)
  expect(() => read()(Buffer.concat([header(), record(0, 0, Buffer.alloc(0)).fill(0xff)]))).toThrow(RangeError)
})

test('a packet below the snapshot length that is shorter than it was has been cut; one of that length has not', () => {
  const packet = (captured: number, original: number) => {
    const bytes = record(1, 1, Buffer.alloc(captured))
    bytes.writeUInt32LE(original, 12)
    return bytes
  }
  let cut = 0
  const read = pcapReader(
    () => Buffer.alloc(0),
    () => {},
    () => cut++,
  )
  read(Buffer.concat([header(), packet(60, 60), packet(60, 90), packet(65_535, 90_000), packet(65_534, 90_000)]))
  expect(cut).toBe(2)
})
