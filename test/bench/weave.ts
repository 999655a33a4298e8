/** Weaving: its rate against the same bytes piped through node, and against what Wireshark takes in; memory; latency. */
import { spawn } from 'node:child_process'
import { closeSync, createWriteStream, openSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { interfaceDescriptionBlock, sectionHeaderBlock } from '../../src/pcapng/block.ts'
import { packet } from '../helpers/blocks.ts'
import { must } from '../helpers/command.ts'
import { scratch } from '../helpers/scratch.ts'
import { blockSplitter, blockType, packetTime } from '../helpers/split.ts'
import { inTurn, quantile, type Row, row } from './measure.ts'

const rounds = 5
/** Packets of 60 bytes in all sources together. */
const packets = 4_000_000

interface Outcome {
  readonly seconds: number
  readonly cpu: number
  readonly memory: number
}

const header = Buffer.concat([
  sectionHeaderBlock('bench', ''),
  interfaceDescriptionBlock({ linkType: 1, snaplen: 262_144, name: 'eth0', description: '', filter: '', os: '' }),
])

export async function weaveRows(): Promise<Row[]> {
  const folder = scratch()
  const run = (mode: string, sources: number, window = 300) => throughput(folder, mode, sources, window)
  const rows: Row[] = []
  for (const [sources, must] of [
    [1, { ratioAtLeast: 0.6 }],
    [4, { ratioAtLeast: 0.5 }],
    [32, undefined],
  ] as const) {
    writeSources(folder, sources)
    const rate = async (mode: string) => packets / (await run(mode, sources)).seconds / 1e6
    const { pipe, weave } = await inTurn(rounds, { pipe: () => rate('pipe'), weave: () => rate('weave') })
    rows.push(
      row(
        `weaving ${sources === 1 ? 'one stream' : `${sources} streams`} of small packets, which alternate one by one`,
        {
          ...{
            unit: 'M packets/s',
            values: weave,
            counterpart: 'piped through node',
            bare: pipe,
            ...(must && { must }),
          },
        },
      ),
    )
  }
  writeSources(folder, 1)
  const { wireshark, weave } = await inTurn(rounds, {
    wireshark: () => ingestRate(join(folder, 'source0')),
    weave: async () => packets / (await run('weave', 1)).seconds / 1e6,
  })
  rows.push(
    row('… one stream, against what Wireshark takes from a pipe', {
      ...{ unit: 'M packets/s', values: weave, counterpart: 'cat FILE, piped into dumpcap -i -', bare: wireshark },
      must: { ratioAtLeast: 5 },
    }),
  )
  writeSources(folder, 32)
  const many: Outcome[] = []
  for (let round = 0; round < 3; round++) many.push(await run('weave', 32))
  const idle = await run('weave', 0)
  const memory = many.map(outcome => outcome.memory - idle.memory)
  rows.push(row('… 32 streams: memory above none', { unit: 'MiB', values: memory, must: { atMost: 64 } }))
  for (const window of [0, 300]) rows.push(await latencyRow(folder, window))
  return rows
}

/** Sources whose packets alternate: the next one is always another source's. */
function writeSources(folder: string, count: number): void {
  const begin = BigInt(Date.now() - 3_600_000) * 1_000_000n
  const each = Math.floor(packets / count)
  const template = packet(0, 0n, 'x'.repeat(60))
  for (let source = 0; source < count; source++) {
    const bytes = Buffer.alloc(each * template.length)
    for (let index = 0; index < each; index++) {
      const time = begin + BigInt(index * count + source) * 1_000n
      const at = template.copy(bytes, index * template.length) && index * template.length
      bytes.writeUInt32LE(Number(time >> 32n), at + 12)
      bytes.writeUInt32LE(Number(time & 0xffff_ffffn), at + 16)
    }
    writeFileSync(join(folder, `source${source}`), Buffer.concat([header, bytes]))
  }
}

async function makeFifos(folder: string, count: number): Promise<string[]> {
  const paths = Array.from({ length: count }, (_, index) => join(folder, `fifo${index}`))
  for (const path of paths) rmSync(path, { force: true })
  if (count > 0) await must('mkfifo', ...paths)
  return paths
}

function startWeaver(mode: string, window: number, fifos: readonly string[], sink: 'pipe' | number) {
  const program = resolve(import.meta.dirname, 'weaver.ts')
  const weaver = spawn(process.execPath, ['--no-warnings', program, mode, String(window), ...fifos], {
    stdio: ['ignore', sink, 'pipe'],
  })
  let said = ''
  const ready = Promise.withResolvers<void>()
  weaver.stderr?.on('data', chunk => {
    said += chunk
    if (said.startsWith('ready')) ready.resolve()
  })
  const ended = new Promise<{ cpu: number; memory: number }>(resolve =>
    weaver.on('close', () => resolve(JSON.parse(said.split('\n')[1] ?? '{}'))),
  )
  return { weaver, ready: ready.promise, ended }
}

async function throughput(folder: string, mode: string, sources: number, window: number): Promise<Outcome> {
  const fifos = await makeFifos(folder, sources)
  const output = join(folder, 'output')
  rmSync(output, { force: true })
  await must('mkfifo', output)
  spawn('cat', [output], { stdio: 'ignore' })
  const fd = openSync(output, 'w')
  const { ready, ended } = startWeaver(mode, window, fifos, fd)
  closeSync(fd)
  await ready
  const begun = performance.now()
  for (const [index, fifo] of fifos.entries()) {
    spawn('dd', [`if=${join(folder, `source${index}`)}`, `of=${fifo}`, 'bs=64k', 'status=none'])
  }
  const { cpu, memory } = await ended
  return { seconds: (performance.now() - begun) / 1000, cpu, memory }
}

/** Packets a second, in millions, that Wireshark's own reader takes from a pipe. */
async function ingestRate(file: string): Promise<number> {
  const begun = performance.now()
  await must('sh', '-c', 'dumpcap -q -i - -w - <"$1" >/dev/null', 'sh', file)
  return packets / ((performance.now() - begun) / 1000) / 1e6
}

async function latencyRow(folder: string, window: number): Promise<Row> {
  const delays: number[][] = []
  for (let round = 0; round < 3; round++) delays.push(await latencies(folder, window))
  return row(`a woven packet later, 99 of 100, window ${window} ms`, {
    ...{ unit: 'ms', values: delays.map(list => quantile(list, 0.99)), must: { atMost: window + 2 } },
    note: 'one source of 1,000 packets/s beside one that is silent',
  })
}

/** Milliseconds from the time of each packet to its arrival behind the weaver. */
async function latencies(folder: string, window: number): Promise<number[]> {
  const fifos = await makeFifos(folder, 2)
  const { weaver, ready, ended } = startWeaver('weave', window, fifos, 'pipe')
  await ready
  const [source, silent] = fifos.map(path => createWriteStream(path))
  silent?.write(header)
  source?.write(header)
  const offset = Date.now() - performance.now()
  const now = () => offset + performance.now()
  const delays: number[] = []
  const splitter = blockSplitter()
  weaver.stdout?.on('data', (chunk: Buffer) => {
    for (const block of splitter.push(chunk)) {
      if (blockType(block) === 6) delays.push(now() - Number(packetTime(block) / 1_000n) / 1_000)
    }
  })
  await sleep(200)
  for (let sent = 0; sent < 2_000; sent++) {
    source?.write(packet(0, BigInt(Math.round(now() * 1e6)), 'x'.repeat(60)))
    await sleep(1)
  }
  await sleep(window + 100)
  source?.end()
  silent?.end()
  await ended
  return delays
}
