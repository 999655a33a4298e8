/** Capture files that other readers were reported to read wrongly, or not at all: remora tells what tshark tells. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../helpers/command.ts'
import { blocksIn, text } from '../helpers/pcapng-builder.ts'
import { remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

const le = blocksIn('LE')
const microseconds = 1_700_000_000_000_000n
const data = Buffer.alloc(60, 'x')
const packet = (nif: number, time: bigint) => le.packet({ nif, time, data })

function write(...blocks: Buffer[]): string {
  const file = join(scratch(), 'made.pcapng')
  writeFileSync(file, Buffer.concat(blocks))
  return file
}

async function info(file: string) {
  const { status, stdout, stderr } = await remora(['info', '--json', file])
  return { status, stderr, summary: stdout === '' ? undefined : JSON.parse(stdout) }
}

/** Packets that tshark reads, whatever it says of the rest. */
async function tsharkCount(file: string): Promise<number> {
  const { stdout } = await run(['tshark', '-n', '-r', file, '-T', 'fields', '-e', 'frame.len'])
  return stdout.split('\n').filter(line => line !== '').length
}

// dpkt 681, pcap-parser 16, libpcap 349, 396 and 577, zeek 5886
test('interfaces with clocks of their own: nanoseconds, 2^-20 s, an offset of an hour, and 2^-127 s', async () => {
  const file = write(
    le.section(),
    le.description([[9, Buffer.from([9])]]),
    le.description([[9, Buffer.from([0x80 | 20])]]),
    le.description([[14, le.u64(-3600n)]]),
    packet(0, 1_700_000_000n * 10n ** 9n + 5n),
    packet(1, 1_700_000_000n << 20n),
    packet(2, microseconds + 3_600_000_000n),
  )
  const { status, summary } = await info(file)
  expect(status).toBe(0)
  const firsts = summary.interfaces.map(({ first }: { first: string }) => first.slice(0, 19))
  expect(firsts).toEqual(Array(3).fill('2023-11-14T22:13:20'))
  const finest = write(le.section(), le.description([[9, Buffer.from([0xff])]]), packet(0, 1n << 63n))
  expect((await info(finest)).status).toBe(0)
})

// libpcap 527, 832 and 1710, antrea 6804, TracePcap 23, pcap-file 36
test('snapshot lengths of 0 and of 2^32-1, packets longer than theirs, and more captured than there was', async () => {
  const file = write(
    le.section(),
    ...[0xffffffff, 0, 64].map(snaplen => le.description([], { snaplen })),
    packet(0, microseconds),
    le.packet({ nif: 1, time: microseconds, data, original: 1 }),
    le.packet({ nif: 2, time: microseconds, data, original: 9000 }),
    le.simple(data),
  )
  const { status, summary } = await info(file)
  expect([status, summary.totals.packets]).toEqual([0, await tsharkCount(file)])
})

// PcapPlusPlus 371 and 143, LightPcapNg 5, arkime 4063
test.each([
  ['an interface that nobody described', packet(2, microseconds)],
  ['a block of more than 2 GB', Buffer.concat([le.u32(6), le.u32(0x90000000), Buffer.alloc(100, 'x')])],
  ['a file that is cut in a packet', packet(0, microseconds).subarray(0, 50)],
])('%s: what stands before it is told', async (_, damage) => {
  const file = write(le.section(), le.description(), packet(0, microseconds), damage)
  expect((await info(file)).status).toBeLessThan(70)
  expect((await remora(['info', file])).stdout).toMatch(/packets +1\b/)
})

// etl2pcapng 15 and 24
test('a comment on each of 50,000 packets is told in a page; a section without anything is no failure', async () => {
  const commented = (_: unknown, index: number) =>
    le.packet({ time: microseconds, data, options: [[1, text(`PID=${index}`)]] })
  const file = write(le.section(), le.description(), ...Array.from({ length: 50_000 }, commented))
  const { stdout: told } = await remora(['info', file])
  expect(told.split('\n').length).toBeLessThan(300)
  expect(told).toContain('more')
  const empty = await remora(['info', write(le.section())])
  expect([empty.status, empty.stdout]).toEqual([0, expect.stringMatching(/packets +0\b/)])
})
