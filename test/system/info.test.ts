/** A capture file, read by remora and by Wireshark's own tools: both tell the same. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inspectCapture } from '../../src/inspect/capture-file.ts'
import type { CaptureSummary } from '../../src/inspect/model.ts'
import { must, run, start, until } from '../helpers/command.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { blocksIn, type Order, text } from '../helpers/pcapng-builder.ts'
import { scratch } from '../helpers/scratch.ts'

let pair: NetnsPair
let folder: string
/** Two interfaces, with packets on both, as dumpcap itself writes them. */
let captured: string

beforeAll(async () => {
  folder = scratch()
  captured = join(folder, 'captured.pcapng')
  pair = await makeNetnsPair()
  const enter = ['nsenter', `--net=/run/netns/${pair.receiver}`]
  const command = [...enter, 'dumpcap', '-f', 'icmp', '-i', 'lo', '-i', 'b0', '-w', captured, '--capture-comment', 'hi']
  const dumpcap = start(command)
  await until('dumpcap captures', () => dumpcap.stderr().includes('File: '))
  await pair.ping(20)
  await must(...enter, 'ping', '-q', '-c', '5', '-i', '0.02', '127.0.0.1')
  // Packets reach its output up to 250 ms late.
  await until('all packets have come', async () => (await wiresharkCounts(captured)).packets === 50)
  dumpcap.child.kill('SIGINT')
  expect((await dumpcap.result).status, dumpcap.stderr()).toBe(0)
})
afterAll(() => pair.close())

/** Packets, bytes on the wire, and first and last time of a file, by capinfos. */
async function wiresharkCounts(file: string) {
  const { stdout } = await run(['capinfos', '-T', '-m', '-r', '-c', '-d', '-a', '-e', '-S', file])
  const [packets, originalBytes, first, last] = stdout.trim().split(',').slice(-4)
  return { packets: Number(packets), originalBytes: Number(originalBytes), first, last }
}

/** Both tell the same, times with as many digits as capinfos has for them. */
async function expectSameCounts({ totals }: CaptureSummary, file: string): Promise<void> {
  const counts = await wiresharkCounts(file)
  const epoch = (time = '', like = '') => {
    const [whole = '', fraction = ''] = time.split('.')
    return `${Date.parse(`${whole}Z`) / 1_000}.${fraction}`.slice(0, like.length)
  }
  const { packets, originalBytes, first, last } = totals
  const [start, end] = [epoch(first, counts.first), epoch(last, counts.last)]
  expect({ packets, originalBytes, first: start, last: end }).toEqual(counts)
}

/** Packets of each interface, by tshark. */
async function wiresharkInterfaces(file: string): Promise<Record<string, number>> {
  const names = (await must('tshark', '-r', file, '-T', 'fields', '-e', 'frame.interface_name')).trim().split('\n')
  return Object.fromEntries([...Map.groupBy(names, name => name)].map(([name, list]) => [name, list.length]))
}

test('what dumpcap writes', async () => {
  const summary = await inspectCapture(captured)
  await expectSameCounts(summary, captured)
  expect(await wiresharkInterfaces(captured)).toEqual({ lo: 10, b0: 40 })
  expect(summary).toMatchObject({
    sections: [{ byteOrder: 'LE', application: expect.stringMatching(/^Dumpcap/), comments: ['hi'] }],
    interfaces: [
      { name: 'lo', linkTypeName: 'ETHERNET', filter: 'icmp', packets: 10, statistics: 1, received: 10, dropped: 0 },
      { name: 'b0', linkTypeName: 'ETHERNET', filter: 'icmp', packets: 40, statistics: 1, received: 40, dropped: 0 },
    ],
    totals: { packets: 50, bytes: 50 * 98 },
  })
})

describe('what other tools make of it', () => {
  const made = async (...command: string[]) => {
    const file = join(folder, `${Math.random()}.pcapng`)
    await must(...command.map(word => (word === 'OUT' ? file : word)))
    const summary = await inspectCapture(file)
    await expectSameCounts(summary, file)
    return summary
  }

  test('editcap, with comments, cut packets and secrets', async () => {
    const keys = join(folder, 'keys')
    writeFileSync(keys, 'CLIENT_RANDOM 00 11\n')
    const comments = ['-a', '1:a new life', '-a', '3:another', '--capture-comment', '---\n# remora context\nengine: x']
    const summary = await made('editcap', '-s', '60', ...comments, '--inject-secrets', `tls,${keys}`, captured, 'OUT')
    expect(summary).toMatchObject({
      context: '---\n# remora context\nengine: x',
      totals: { bytes: 50 * 60, originalBytes: 50 * 98 },
      comments: { list: [{ text: 'a new life' }, { text: 'another' }], more: 0 },
      secrets: { blocks: 1, bytes: 20 },
    })
    expect(JSON.stringify(summary)).not.toContain('CLIENT_RANDOM')
  })

  test('editcap, by way of other formats with other units of time', async () => {
    for (const format of ['pcap', 'nsecpcap', 'modpcap', 'snoop', 'ngsniffer']) {
      const file = join(folder, format)
      await must('editcap', '-F', format, captured, file)
      await made('editcap', '-F', 'pcapng', file, 'OUT')
    }
  })

  test.each(['none', 'all', 'any'])('mergecap, with interfaces merged by %s', async mode => {
    const summary = await made('mergecap', '-I', mode, '-w', 'OUT', captured, captured)
    expect(summary.totals.packets).toBe(100)
    expect(summary.interfaces).toHaveLength(mode === 'none' ? 4 : 2)
  })

  test('tshark', async () => {
    const summary = await made('tshark', '-r', captured, '-Y', 'frame.interface_name == "b0"', '-w', 'OUT')
    expect(summary.interfaces.find(({ name }) => name === 'b0')?.packets).toBe(40)
  })

  test('cat, section by section', async () => {
    const file = join(folder, 'twice.pcapng')
    await must('sh', '-c', 'cat "$0" "$0" > "$1"', captured, file)
    const summary = await inspectCapture(file)
    expect(summary.sections).toHaveLength(2)
    expect(summary.interfaces.map(({ section, number, packets }) => [section, number, packets])).toEqual([
      ...[[0, 0, 10] as const, [0, 1, 40] as const, [1, 0, 10] as const, [1, 1, 40] as const],
    ])
    await expectSameCounts(summary, file)
  })

  test('every link type Wireshark can write', async () => {
    const { stdout, stderr } = await run(['editcap', '-T'])
    const types = [...`${stdout}${stderr}`.matchAll(/^ {4}(\S+) - /gm)].map(([, type]) => type ?? '')
    expect(types.length).toBeGreaterThan(150)
    let written = 0
    for (const type of types) {
      const file = join(folder, 'typed.pcapng')
      if ((await run(['editcap', '-r', '-T', type, captured, file, '1-3'])).status !== 0) continue
      written++
      expect((await inspectCapture(file)).totals.packets, type).toBe(3)
    }
    expect(written).toBeGreaterThan(100)
  })
})

/** A file with everything that has a place in Wireshark's columns, packets out of order included. */
function built(order: Order): Buffer {
  const { section, description, packet, obsolete, statistics, names, secrets, u32, u64, block } = blocksIn(order)
  const now = 1_795_240_569_476_906_206n
  const data = Buffer.alloc(61, 1)
  return Buffer.concat([
    section([[4, text('a builder')]]),
    description([
      [2, text('nano')],
      [9, Buffer.from([9])],
    ]),
    description([
      [2, text('binary')],
      [9, Buffer.from([0x80 | 20])],
    ]),
    description([
      [2, text('later')],
      [14, u64(3_600)],
    ]),
    names([[1, text('\x0a\0\0\x01web\0')]]),
    secrets(0x544c534b, text('CLIENT_RANDOM 00 11\n')),
    packet({ time: now, data, options: [[2, u32(1)]] }),
    packet({
      time: now - 5n,
      data,
      original: 1_000,
      options: [
        [1, text('hello')],
        [4, u64(7)],
        [5, u64(77)],
      ],
    }),
    packet({ nif: 1, time: ((now / 1_000_000_000n) << 20n) + (1n << 19n), data, options: [[5, u64(77)]] }),
    packet({ nif: 2, time: now / 1_000n - 3_600_000_000n, data, options: [[2, u32(2)]] }),
    obsolete({ nif: 2, time: now / 1_000n, data }, 2),
    block(0xbad0, u32(1)),
    statistics(0, now, [[5, u64(9)]]),
  ])
}

describe.each<Order>(['LE', 'BE'])('a file in byte order %s', order => {
  test('is the same to Wireshark and to us', async () => {
    const file = join(folder, `${order}.pcapng`)
    writeFileSync(file, built(order))
    const summary = await inspectCapture(file)
    await expectSameCounts(summary, file)
    expect(await wiresharkInterfaces(file)).toEqual({ nano: 2, binary: 1, later: 2 })
    expect(summary.interfaces.map(({ name, packets }) => [name, packets])).toEqual([
      ...[['nano', 2] as const, ['binary', 1] as const, ['later', 2] as const],
    ])
    expect(summary.interfaces[1]?.first).toMatch(/09\.500000000Z$/)
    const fields = ['frame.interface_id', 'frame.drop_count', 'frame.packet_id', 'frame.comment']
    const rows = await must('tshark', '-r', file, '-T', 'fields', ...fields.flatMap(field => ['-e', field]))
    expect(rows.split('\n').slice(1, 3)).toEqual(['0\t7\t77\thello', '1\t\t77\t'])
    expect(summary).toMatchObject({
      gaps: {
        list: [
          { interface: 0, missing: 7 },
          { interface: 2, missing: 2 },
        ],
        more: 0,
      },
      comments: { list: [{ interface: 0, text: 'hello' }] },
      interfaces: [{ directions: { in: 1, out: 0 }, dropped: 9 }, {}, { directions: { in: 0, out: 1 } }],
      points: [
        { from: 0, to: 1, packets: 1, delay: { p50: 23_093_799 } },
        { from: 1, to: 0, packets: 0 },
      ],
      ...{ names: 1, secrets: { blocks: 1, bytes: 20 } },
    })
  })
})
