import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pcapngReader } from '../../../src/pcapng/read.ts'
import { capturedBytes, type PcapngRecord } from '../../../src/pcapng/records.ts'
import { blocksIn, everything, now, type Order, text } from '../../helpers/pcapng-builder.ts'

const orders: Order[] = ['LE', 'BE']

function nothing() {
  return { comments: [], direction: undefined, reception: undefined, dropped: 0, id: undefined }
}

function expected(order: Order) {
  const time = (ns: bigint) => ({ seconds: Number(ns / 1_000_000_000n), nanoseconds: Number(ns % 1_000_000_000n) })
  return [
    {
      ...{ kind: 'section', byteOrder: order, version: '1.0', comments: ['a comment', 'another'] },
      ...{ hardware: 'hardware', os: 'Linux', application: 'a program' },
    },
    {
      ...{ kind: 'interface', number: 0, linkType: 1, snaplen: 6, comments: [], name: 'web/eth0' },
      ...{ description: 'docker web', filter: 'tcp port 80', mac: '02:00:00:00:00:01', speed: 10_000_000_000 },
      ...{ os: 'Linux 6', hardware: 'veth' },
    },
    {
      ...{ kind: 'interface', number: 1, linkType: 276, snaplen: 4, comments: [], name: undefined },
      ...{ description: undefined, filter: undefined, mac: undefined, speed: undefined, os: undefined },
      ...{ hardware: undefined },
    },
    {
      ...{ kind: 'packet', block: 'enhanced', interface: 0, time: time(now), captured: 5, original: 5 },
      ...{ ...nothing(), data: 'hello' },
    },
    {
      ...{ kind: 'packet', block: 'enhanced', interface: 1, captured: 6, original: 1_500, data: 'hello!' },
      ...{ time: time((now / 1_000n) * 1_000n - 3_600_000_000_000n), comments: ['a new life', 'é'] },
      ...{ direction: 'in', reception: 'broadcast', dropped: 7, id: 0xfedcba9876543210n },
    },
    {
      ...{ kind: 'packet', block: 'simple', interface: 0, time: undefined, captured: 6, original: 9 },
      ...{ ...nothing(), data: 'simply' },
    },
    {
      ...{
        kind: 'packet',
        block: 'obsolete',
        interface: 1,
        time: { seconds: -3_600, nanoseconds: 1_000 },
        captured: 3,
      },
      ...{ original: 3, ...nothing(), direction: 'out', dropped: 3, data: 'old' },
    },
    {
      ...{ kind: 'packet', block: 'obsolete', interface: 0, time: time(1n), captured: 0, original: 0 },
      ...{ ...nothing(), data: '' },
    },
    {
      ...{ kind: 'statistics', interface: 0, time: time(now), comments: [], startTime: time(now - 5n) },
      ...{ endTime: time(now), received: 10, dropped: 2, accepted: 8, droppedByOs: 1, delivered: undefined },
    },
    {
      kind: 'names',
      comments: [],
      records: [
        { address: Uint8Array.of(10, 0, 0, 1), names: ['web', 'www'] },
        { address: new Uint8Array(16).fill(7), names: ['six'] },
      ],
    },
    { kind: 'secrets', type: 0x544c534b, length: 17 },
    { kind: 'unknown', type: 0xbad, length: 20 },
  ]
}

/** A record as it can be kept: with its bytes in place of where they stand. */
function kept(record: PcapngRecord) {
  if (record.kind === 'interface') {
    const { clock, ...rest } = record
    return rest
  }
  if (record.kind !== 'packet') return record
  const { source, start, ...rest } = record
  return { ...rest, data: capturedBytes(record).toString() }
}

function readAll(bytes: Buffer, sizes: readonly number[] = [bytes.length]) {
  const reader = pcapngReader()
  const records = []
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1
    // A chunk of its own that is overwritten afterwards, as a reader of files does.
    const chunk = Buffer.from(bytes.subarray(at, at + size))
    for (const record of reader.push(chunk)) records.push(kept(record))
    chunk.fill(0xee)
    at += size
  }
  return { records, reader }
}

describe.each(orders)('a file in byte order %s', order => {
  const blocks = blocksIn(order)
  const bytes = Buffer.concat(everything(blocks))

  test('is told block by block', () => {
    const { records, reader } = readAll(bytes)
    expect(records).toEqual(expected(order))
    expect([reader.position(), reader.pending()]).toEqual([bytes.length, 0])
  })

  test('is the same in chunks of any size', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1 }), sizes => {
        expect(readAll(bytes, sizes).records).toEqual(expected(order))
      }),
      { numRuns: 500 },
    )
  })

  test('is the same cut in two at every byte', () => {
    for (let cut = 1; cut < bytes.length; cut++) {
      expect(readAll(bytes, [cut, bytes.length]).records).toEqual(expected(order))
    }
  })

  test('that is cut off anywhere tells what stands before, and how much of a block is left', () => {
    const edges = [0]
    for (const { length } of everything(blocks)) edges.push((edges.at(-1) ?? 0) + length)
    for (let end = 0; end <= bytes.length; end++) {
      const { records, reader } = readAll(bytes.subarray(0, end))
      const edge = edges.findLast(each => each <= end) ?? 0
      expect(records).toEqual(expected(order).slice(0, edges.indexOf(edge)))
      expect([reader.position(), reader.pending()]).toEqual([edge, end - edge])
    }
  })

  test('may be followed by a section in the other byte order, whose interfaces are its own', () => {
    const other = blocksIn(order === 'LE' ? 'BE' : 'LE')
    const second = Buffer.concat([other.section(), other.description([[2, text('b')]]), other.packet({ time: 5n })])
    const { records } = readAll(Buffer.concat([bytes, second]), [7])
    expect(records.slice(0, expected(order).length)).toEqual(expected(order))
    expect(records.slice(expected(order).length)).toMatchObject([
      { kind: 'section', byteOrder: order === 'LE' ? 'BE' : 'LE' },
      { kind: 'interface', number: 0, name: 'b' },
      { kind: 'packet', interface: 0, time: { seconds: 0, nanoseconds: 5_000 } },
    ])
    const strange = readAll(Buffer.concat([bytes, second, other.packet({ nif: 1 })])).records.at(-1)
    expect(strange).toMatchObject({ kind: 'damage', reason: 'interface 1 is not described' })
  })
})

describe('what is not as it must be', () => {
  const blocks = blocksIn('BE')
  const { u16, u32, stamp } = blocks
  const start = Buffer.concat([blocks.section(), blocks.description()])
  const withLength = (block: Buffer, length: number) =>
    Buffer.concat([block.subarray(0, 4), u32(length), block.subarray(8)])
  const packet = blocks.packet({ data: text('hello') })
  const packetOf = (captured: number) => blocks.block(6, u32(0), stamp(0n), u32(captured), u32(captured), text('data'))
  const option = (length: number) => Buffer.concat([u16(1), u16(length), text('abcd')])

  test.each<[string, Buffer]>([
    ['block of type 6 has length 0', withLength(packet, 0)],
    ['block of type 6 has length 8', withLength(packet, 8)],
    ['block of type 6 has length 16777220', withLength(packet, 16 * 1024 * 1024 + 4)],
    ['block of type 6 has length 4294967292', withLength(packet, 0xfffffffc)],
    ['block of type 6 has lengths 40 and 44', Buffer.concat([packet.subarray(0, 36), u32(44)])],
    ['a section header is shorter than its fixed part', blocks.block(0x0a0d0d0a, u32(0x1a2b3c4d), u32(0x10000))],
    ['a section header tells no byte order', blocks.block(0x0a0d0d0a, u32(0x1a2b3c4e), u32(0x10000), stamp(0n))],
    ['version 2.0 of pcapng is not known', blocks.section([], 2)],
  ])('is refused where no next block can be found: %s', (reason, block) => {
    for (const size of [1, 13, 100_000]) {
      expect(() => readAll(Buffer.concat([start, block, packet]), [size])).toThrow(
        new RangeError(`at byte ${start.length}: ${reason}`),
      )
    }
  })

  test.each<[string, Buffer]>([
    ['a packet is shorter than its fixed part', blocks.block(6, u32(0), stamp(0n), u32(0))],
    ['a packet is shorter than its fixed part', blocks.block(2, u32(0), stamp(0n), u32(0))],
    ['a simple packet is shorter than its fixed part', blocks.block(3)],
    ['an interface description is shorter than its fixed part', blocks.block(1, u32(1))],
    ['an interface statistics block is shorter than its fixed part', blocks.block(5, u32(0), u32(0))],
    ['a decryption secrets block is shorter than its fixed part', blocks.block(10, u32(0))],
    ['a packet of 5 bytes runs past its block', packetOf(5)],
    ['a packet of 4294967295 bytes runs past its block', packetOf(0xffffffff)],
    ['a packet of 9 bytes runs past its block', blocks.simple(text('12345678'), 9)],
    ['secrets of 9 bytes run past their block', blocks.block(10, u32(1), u32(9), text('12345678'))],
    ['a name record of 3 bytes has no address', blocks.names([[1, text('123')]])],
    ['option 1 of 5 bytes runs past its block', blocks.block(4, option(5))],
    ['option 1 of 65535 bytes runs past its block', blocks.block(5, u32(0), stamp(0n), option(0xffff))],
    ['option 1 of 5 bytes runs past its block', blocks.block(1, u32(1), u32(0), option(5))],
    ['interface 1 is not described', blocks.packet({ nif: 1 })],
    ['interface 4294967295 is not described', blocks.packet({ nif: 0xffffffff })],
    ['interface 7 is not described', blocks.statistics(7, 0n)],
  ])('is passed over where the next block is plain to see: %s', (reason, block) => {
    for (const size of [1, 13, 100_000]) {
      const { records } = readAll(Buffer.concat([start, block, packet]), [size])
      expect(records.filter(({ kind }) => kind === 'damage')).toEqual([{ kind: 'damage', at: start.length, reason }])
      expect(records.at(-1)).toMatchObject({ kind: 'packet', data: 'hello' })
    }
  })

  test('options that are broken off cost neither their block nor the numbers of later interfaces', () => {
    const damaged = [
      blocks.block(1, u32(1), u32(7), option(5)),
      blocks.block(1, u32(1)),
      blocks.description([[2, text('c')]]),
    ]
    const cut = blocks.block(6, u32(2), stamp(0n), u32(4), u32(4), text('data'), option(9))
    const { records } = readAll(Buffer.concat([blocks.section(), ...damaged, cut, blocks.packet({ nif: 1 })]))
    expect(records.map(({ kind }) => kind)).toEqual([
      'section',
      'interface',
      'damage',
      'damage',
      'interface',
      'packet',
      'damage',
      'packet',
    ])
    expect(records[4]).toMatchObject({ number: 2, name: 'c' })
    expect(records[5]).toMatchObject({ interface: 2, data: 'data' })
  })

  test.each([0, 2])('a block length without the padding is read, the trailer %d bytes longer', more => {
    const body = [u32(6), u32(74), u32(0), stamp(5n), u32(42), u32(42), Buffer.alloc(44, 'x'), u32(74 + more)]
    const { records } = readAll(Buffer.concat([start, ...body, packet]), [9])
    expect(records.slice(-2)).toMatchObject([{ captured: 42, data: 'x'.repeat(42) }, { data: 'hello' }])
  })

  test('a simple packet needs an interface, and a file a section header', () => {
    const lonely = Buffer.concat([blocks.section(), blocks.simple(text('x'))])
    expect(readAll(lonely).records.at(-1)).toMatchObject({ kind: 'damage', reason: 'interface 0 is not described' })
    expect(() => readAll(packet)).toThrow(new RangeError('at byte 0: it does not begin with a section header'))
  })

  test('more interfaces than a host has', () => {
    const many = Buffer.concat([blocks.section(), ...Array.from({ length: 65_536 }, () => blocks.description())])
    expect(readAll(many).records).toHaveLength(65_537)
    const { records } = readAll(Buffer.concat([many, blocks.description()]))
    expect(records.at(-1)).toMatchObject({ kind: 'damage', reason: 'more than 65536 interfaces in one section' })
  })
})

describe('hostile files', () => {
  test('the longest block in the smallest chunks takes neither for ever nor more memory than itself', () => {
    const blocks = blocksIn('LE')
    const long = blocks.block(0xbad, Buffer.alloc(2 * 1024 * 1024))
    const reader = pcapngReader()
    for (const _ of reader.push(blocks.section())) expect(_.kind).toBe('section')
    let records = 0
    for (let at = 0; at < long.length; at++) for (const _ of reader.push(long.subarray(at, at + 1))) records++
    expect([records, reader.pending()]).toEqual([1, 0])
  })
})
