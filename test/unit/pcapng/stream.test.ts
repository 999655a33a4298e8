import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  blockSplitter,
  blockType,
  interfaceNumber,
  packetData,
  packetTime,
  setInterfaceNumber,
  timestampExponent,
  withComment,
} from '../../../src/pcapng/stream.ts'
import { description, packet, statistics } from '../../helpers/blocks.ts'

const stream = Buffer.concat([description(9), packet(0, 5n, 'abc'), packet(0, 6n, ''), statistics(0)])

describe('a stream in chunks of any size', () => {
  test('comes out as its blocks', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: stream.length })), cuts => {
        const splitter = blockSplitter()
        const edges = [...cuts.sort((a, b) => a - b), stream.length]
        const blocks = edges.flatMap((edge, index) => splitter.push(stream.subarray(edges[index - 1] ?? 0, edge)))
        expect(blocks.map(blockType)).toEqual([1, 6, 6, 5])
        expect(Buffer.concat(blocks).equals(stream)).toBe(true)
        expect(splitter.pending()).toBe(0)
      }),
    )
  })

  test('that is none is refused, and never takes more memory than two blocks', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 12, maxLength: 64 }), bytes => {
        const splitter = blockSplitter()
        try {
          splitter.push(Buffer.from(bytes))
          expect(splitter.pending()).toBeLessThan(2 * 262_144)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
    )
  })
})

describe('a packet', () => {
  test('has an interface, a time and data', () => {
    const block = packet(3, 1_795_240_569_476_906_206n, 'hello')
    expect([interfaceNumber(block), packetTime(block, 9), packetData(block).toString()]).toEqual([
      ...[3, 1_795_240_569_476_906_206n, 'hello'],
    ])
    setInterfaceNumber(block, 7)
    expect(interfaceNumber(block)).toBe(7)
    expect(packetTime(packet(0, 1_000_001n, ''), 6)).toBe(1_000_001_000n)
  })

  test('takes a comment and keeps everything else', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ maxLength: 200 }), fc.boolean(), (data, comment, hasOptions) => {
        const before = packet(1, 42n, data, hasOptions)
        const after = withComment(before, comment)
        expect(after.length % 4).toBe(0)
        expect([after.readUInt32LE(4), after.readUInt32LE(after.length - 4)]).toEqual([after.length, after.length])
        expect([interfaceNumber(after), packetTime(after, 9)]).toEqual([1, 42n])
        expect(packetData(after).equals(packetData(before))).toBe(true)
        expect(after.includes(Buffer.from(comment))).toBe(true)
        expect(blockSplitter().push(after)).toHaveLength(1)
      }),
    )
  })

  test('that is as long as one may be goes without', () => {
    const block = packet(0, 1n, 'x'.repeat(262_144 - 36))
    expect(withComment(block, 'a comment')).toBe(block)
  })
})

test('the time unit of an interface is read from its options', () => {
  expect(timestampExponent(description(9))).toBe(9)
  expect(timestampExponent(description())).toBe(6)
  expect(() => timestampExponent(description(0x89))).toThrow(RangeError)
})
