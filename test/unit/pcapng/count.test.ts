import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sectionHeaderBlock } from '../../../src/pcapng/block.ts'
import { packetCounter } from '../../../src/pcapng/count.ts'
import { description, packet, statistics } from '../../helpers/blocks.ts'

const section = sectionHeaderBlock('remora', 'a comment')
const packets = (count: number) =>
  Array.from({ length: count }, (_, index) => packet(0, BigInt(index), 'x'.repeat(index)))
const stream = Buffer.concat([
  section,
  description(),
  ...packets(20),
  statistics(0),
  section,
  description(9),
  ...packets(13),
  statistics(0),
])

test('the borders of chunks make no difference', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1 }), sizes => {
      const counter = packetCounter()
      for (let at = 0, index = 0; at < stream.length; index++) {
        const size = sizes[index % sizes.length] ?? 1
        counter.push(stream.subarray(at, at + size))
        at += size
      }
      expect(counter.packets()).toBe(33)
    }),
    { numRuns: 2_000 },
  )
})

test('a section of the other byte order counts too', () => {
  const swapped = Buffer.from(section)
  for (const at of [0, 4, 8, swapped.length - 4]) swapped.subarray(at, at + 4).reverse()
  const block = Buffer.alloc(32)
  block.writeUInt32BE(6, 0)
  block.writeUInt32BE(32, 4)
  block.writeUInt32BE(32, 28)
  const counter = packetCounter()
  counter.push(Buffer.concat([swapped, block, block]))
  expect(counter.packets()).toBe(2)
})

test('noise ends the count, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), chunks => {
      const counter = packetCounter()
      counter.push(section)
      counter.push(Buffer.concat([description(), packet(0, 1n, 'x')]))
      for (const chunk of chunks) counter.push(Buffer.from(chunk))
      expect(counter.packets()).toBeGreaterThanOrEqual(1)
    }),
    { numRuns: 5_000 },
  )
})
