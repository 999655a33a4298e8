import { describe, expect, test } from 'vitest'
import { makeSummariser } from '../../../src/inspect/summarise.ts'
import { pcapngReader } from '../../../src/pcapng/read.ts'
import { blocksIn, type Option, text } from '../../helpers/pcapng-builder.ts'

const { section, description, packet, simple, statistics, names, secrets, u32, u64, block } = blocksIn('BE')
const nano: Option = [9, Buffer.from([9])]
const start = 1_795_240_569_000_000_000n

function summaryOf(...blocks: Buffer[]) {
  const summariser = makeSummariser()
  for (const record of pcapngReader().push(Buffer.concat(blocks))) summariser.take(record)
  return summariser.result()
}

/** Two points of one target, with what can be told of them. */
const capture = [
  section([
    [1, text('---\n# capture target information\ncontainer-name: web\n---\n# remora context\nengine: docker\n')],
    [4, text('remora 1')],
  ]),
  names([[1, text('\x0a\0\0\x01web\0www\0')]]),
  section([
    [1, text('---\n# capture target information\ncontainer-name: other\n')],
    [1, text('by hand')],
    [4, text('Dumpcap')],
  ]),
  description([[2, text('web/eth0')], [3, text('docker web')], [11, text('\0icmp')], nano], { snaplen: 96 }),
  description([[2, text('web/eth0@veth1')], nano]),
  description([[2, text('web/lo')]], { linkType: 4242 }),
  packet({ time: start + 2_000n, data: text('12345'), original: 100, options: [[2, u32(1)]] }),
  packet({
    nif: 1,
    time: start,
    data: text('12'),
    options: [
      [2, u32(2)],
      [5, u64(9)],
    ],
  }),
  packet({
    nif: 0,
    time: start + 5_000n,
    data: text('12'),
    options: [
      [1, text('a new life')],
      [4, u64(7)],
      [5, u64(9)],
    ],
  }),
  simple(text('1234')),
  statistics(0, start, [
    [4, u64(10)],
    [5, u64(2)],
  ]),
  statistics(0, start, [[4, u64(11)]]),
  names([
    [1, text('\x0a\0\0\x01web\0')],
    [1, text('\x0a\0\0\x02web\0')],
  ]),
  secrets(1, text('12345')),
  secrets(1, text('1')),
  block(0xbad, u32(1)),
]

describe('a capture', () => {
  const summary = summaryOf(...capture)

  test('has sections, and the documents of the first that has any', () => {
    expect(summary.sections).toEqual([
      { byteOrder: 'BE', application: 'remora 1', os: undefined, hardware: undefined, comments: [] },
      { byteOrder: 'BE', application: 'Dumpcap', os: undefined, hardware: undefined, comments: ['by hand'] },
    ])
    expect(summary.target).toBe('---\n# capture target information\ncontainer-name: web\n')
    expect(summary.context).toBe('---\n# remora context\nengine: docker\n')
  })

  test('has interfaces with what was on them', () => {
    expect(summary.interfaces).toEqual([
      {
        ...{ section: 1, number: 0, name: 'web/eth0', description: 'docker web', linkType: 1 },
        ...{ linkTypeName: 'ETHERNET', snaplen: 96, filter: 'icmp', packets: 3, bytes: 11, originalBytes: 106 },
        ...{ first: '2026-11-21T05:56:09.000002000Z', last: '2026-11-21T05:56:09.000005000Z' },
        ...{ directions: { in: 1, out: 0, unknown: 2 }, statistics: 2, received: 11, dropped: 2, missing: 7 },
      },
      expect.objectContaining({
        ...{ number: 1, name: 'web/eth0@veth1', packets: 1, statistics: 0, received: undefined, dropped: undefined },
        ...{ missing: 0, directions: { in: 0, out: 1, unknown: 0 } },
      }),
      expect.objectContaining({ number: 2, linkTypeName: 'LINKTYPE 4242', packets: 0, first: undefined }),
    ])
  })

  test('has totals, whatever the order of its packets', () => {
    expect(summary.totals).toEqual({
      ...{ packets: 4, bytes: 13, originalBytes: 108 },
      ...{ first: '2026-11-21T05:56:09.000000000Z', last: '2026-11-21T05:56:09.000005000Z' },
    })
    expect(summary).toMatchObject({ names: 3, secrets: { blocks: 2, bytes: 6 }, moreInterfaces: 0, moreSections: 0 })
  })

  test('has gaps, comments and points', () => {
    const place = { time: '2026-11-21T05:56:09.000005000Z', interface: 0 }
    expect(summary.gaps).toEqual({ list: [{ ...place, missing: 7 }], more: 0 })
    expect(summary.comments).toEqual({ list: [{ ...place, text: 'a new life' }], more: 0 })
    expect(summary.points).toEqual([
      { from: 0, to: 1, packets: 0, delay: undefined, onlyAtFrom: 0 },
      { from: 1, to: 0, packets: 1, delay: { min: 5_000, p50: 5_000, p99: 5_000, max: 5_000 }, onlyAtFrom: 0 },
    ])
  })

  test('can be told as JSON', () => {
    expect(JSON.parse(JSON.stringify(summary))).toMatchObject({ totals: { packets: 4 }, points: [{ from: 0 }, {}] })
  })
})

describe('what grows with the file', () => {
  test('is kept up to a hundred, and counted', () => {
    const lossy = packet({
      options: [
        [1, text('x'.repeat(5_000))],
        [4, u64(3)],
      ],
    })
    const { gaps, comments, interfaces } = summaryOf(section(), description(), ...Array(250).fill(lossy))
    expect([gaps.list.length, gaps.more, comments.list.length, comments.more]).toEqual([100, 150, 100, 150])
    expect(comments.list[0]?.text).toBe(`${'x'.repeat(1_024)}…`)
    expect(interfaces[0]?.missing).toBe(750)
  })

  test('interfaces and sections too; their packets are in the totals', () => {
    const many = [section(), ...Array(5_000).fill(description()), packet({ nif: 4_999 }), packet({ nif: 4_095 })]
    const summary = summaryOf(...many, statistics(4_999, 0n), ...Array(1_500).fill(section()))
    expect([summary.interfaces.length, summary.moreInterfaces]).toEqual([4_096, 904])
    expect([summary.sections.length, summary.moreSections]).toEqual([1_000, 501])
    expect([summary.totals.packets, summary.interfaces.at(-1)?.packets]).toEqual([2, 1])
  })
})

test('an interface belongs to its section', () => {
  const one = [section(), description([[2, text('a')]]), packet({ options: [[5, u64(1)]] })]
  const other = [section(), description([[2, text('b')]]), packet({ options: [[5, u64(1)]] }), packet({})]
  expect(summaryOf(...one, ...other)).toMatchObject({
    interfaces: [
      { section: 0, number: 0, name: 'a', packets: 1 },
      { section: 1, number: 0, name: 'b', packets: 2 },
    ],
    points: [],
  })
})
