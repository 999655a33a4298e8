/** Odd and damaged files: remora tells every packet that tshark reads, and goes on where that stops. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inspectCapture } from '../../src/inspect/capture-file.ts'
import { run } from '../helpers/command.ts'
import { pcapFile, pcapMagics } from '../helpers/pcap-builder.ts'
import { blocksIn, type Order, text } from '../helpers/pcapng-builder.ts'
import { scratch } from '../helpers/scratch.ts'

/** Packets that tshark reads, with their times and lengths, and whether it complains. */
async function byTshark(file: string) {
  const fields = ['frame.time_epoch', 'frame.cap_len', 'frame.len'].flatMap(name => ['-e', name])
  const { stdout, status } = await run(['tshark', '-n', '-r', file, '-T', 'fields', ...fields])
  const lines = stdout.split('\n').filter(line => line !== '')
  const sum = (at: number) => lines.reduce((all, line) => all + Number(line.split('\t')[at]), 0)
  return { packets: lines.length, bytes: sum(1), originalBytes: sum(2), whole: status === 0 }
}

async function both(bytes: Buffer) {
  const file = join(scratch(), 'odd.pcapng')
  writeFileSync(file, bytes)
  const { totals, skipped, broken } = await inspectCapture(file)
  const { packets, bytes: captured, originalBytes } = totals
  return { tshark: await byTshark(file), remora: { packets, bytes: captured, originalBytes }, skipped, broken }
}

const orders: Order[] = ['LE', 'BE']

function pcapngFiles(order: Order): [string, Buffer[]][] {
  const { u16, u32, u64, stamp, block, section, description, packet, simple, obsolete, names, statistics } =
    blocksIn(order)
  const data = Buffer.alloc(60, 1)
  const one = packet({ time: 1_700_000_000_000_000n, data })
  const unaligned = (more: number) =>
    Buffer.concat([u32(6), u32(74), u32(0), stamp(1n), u32(42), u32(42), Buffer.alloc(44), u32(74 + more)])
  const body = [u32(0), stamp(1n), u32(4), u32(4), text('data')] as const
  return [
    ['blocks nobody knows', [one, block(0x1234), block(0x80001234, u32(1)), one]],
    ['lengths without the padding', [unaligned(0), unaligned(2), one]],
    ['statistics and names that are odd', [one, statistics(0, 0n), names([[3, text('abc')]]), one]],
    ['more captured than there was, and nothing at all', [packet({ data, original: 1 }), packet({ original: 9 })]],
    ['options without an end', [block(6, ...body, u16(1), u16(4), text('abcd')), one]],
    ['old and simple packets', [simple(data), simple(data.subarray(0, 10), 10), obsolete({ data, time: 5n }, 3), one]],
    [
      'clocks of their own',
      [
        description([[9, Buffer.of(0x80 | 20)]]),
        description([[14, u64(-5n)]]),
        packet({ nif: 1, data }),
        packet({ nif: 2, data }),
      ],
    ],
    ['a section in the middle', [one, section(), description(), one]],
  ]
}

test.each(orders.flatMap(order => pcapngFiles(order).map(([name, blocks]) => [order, name, blocks] as const)))(
  'pcapng %s: %s',
  async (order, _, blocks) => {
    const { section, description } = blocksIn(order)
    const { tshark, remora, skipped, broken } = await both(Buffer.concat([section(), description(), ...blocks]))
    expect({ ...remora, whole: true }).toEqual(tshark)
    expect([skipped.list, broken]).toEqual([[], undefined])
  },
)

test.each(orders)('damaged pcapng %s: what tshark reads and more', async order => {
  const { u16, u32, stamp, block, section, description, packet, names } = blocksIn(order)
  const one = packet({ data: Buffer.alloc(60, 1) })
  const cutOption = block(6, u32(0), stamp(1n), u32(4), u32(4), text('data'), u16(1), u16(9), text('abcd'))
  const damages = [
    packet({ nif: 7 }),
    block(6, u32(0)),
    names([[1, text('ab')]]),
    cutOption,
    block(10),
    block(5, u32(9)),
  ]
  for (const damage of damages) {
    const { tshark, remora, skipped } = await both(Buffer.concat([section(), description(), one, damage, one]))
    expect(remora.packets).toBe(damage === cutOption ? 3 : 2)
    expect(remora.packets).toBeGreaterThanOrEqual(tshark.packets)
    expect(skipped.list).toHaveLength(1)
  }
})

const { nanoseconds, kuznetzov } = pcapMagics
test.each(orders)('pcap %s in all its variants', async order => {
  const long = { time: [5, 3_000_000], captured: 60, original: 90 } as const
  const swapped = { data: Buffer.alloc(60), captured: 90, original: 60 }
  const files = [
    ...[{}, { magic: nanoseconds }, { magic: kuznetzov }].map(options => pcapFile(order, options, [long, {}])),
    ...[0, 10, 0xffffffff].map(snaplen => pcapFile(order, { snaplen }, [{}, {}])),
    pcapFile(order, { linkType: 0x24000001 }, [{}, { data: Buffer.alloc(0), original: 60 }]),
    pcapFile(order, { version: [2, 2] }, [swapped]),
    pcapFile(order, { version: [2, 3] }, [{ original: 90 }, swapped]),
    pcapFile(order, {}, []),
    pcapFile(order, {}, [{}, {}]).subarray(0, -5),
  ]
  for (const file of files) {
    const { tshark, remora, broken } = await both(file)
    expect(remora).toEqual({ packets: tshark.packets, bytes: tshark.bytes, originalBytes: tshark.originalBytes })
    expect(broken).toBeUndefined()
  }
})
