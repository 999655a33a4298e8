/** The highest rate a veth pair sustains: packets captured against bare dumpcap, and what remora itself costs meanwhile. */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, sleep, until } from '../helpers/command.ts'
import type { NetnsPair } from '../helpers/netns.ts'
import { environment, executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { alternate, cpuSeconds, median, type Row, spreadOf } from './measure.ts'

const rounds = 5

interface Outcome {
  readonly packets: number
  readonly cpu: number
  readonly bytes: number
}

export async function rateRows(pair: NetnsPair): Promise<Row[]> {
  const folder = scratch()
  const file = join(folder, 'packets.pcapng')
  const small = traffic(folder, 'small', 18)
  const large = traffic(folder, 'large', 1372)
  const send = (config: string, count: number) => must(...sending(pair, config, count))

  const remora = async (interfaces: readonly string[], config: string, count: number): Promise<Outcome> => {
    const log = join(folder, `log-${Math.random()}`)
    const args = ['capture', `named:${pair.receiver}`, ...interfaces, '-w', file, '--json']
    const env = environment({ DOCKER_HOST: 'unix:///nonexistent', REMORA_LOG_FILE: log })
    const child = spawn(executable, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    await until('armed', () => existsSync(log) && readFileSync(log, 'utf8').includes('armed'))
    const before = cpuSeconds(child.pid ?? 0)
    await send(config, count)
    await sleep(400)
    const cpu = cpuSeconds(child.pid ?? 0) - before
    child.kill('SIGTERM')
    const report = JSON.parse(await textOf(child.stdout)) as { packets: number }
    return { packets: report.packets, cpu, bytes: statSync(file).size }
  }

  const bare = async (interfaces: readonly string[], config: string, count: number): Promise<number> => {
    const output = openSync(file, 'w')
    const args = [`--net=/run/netns/${pair.receiver}`, '--', 'dumpcap', '-q', ...interfaces, '-w', '-']
    const child = spawn('nsenter', args, { stdio: ['ignore', output, 'pipe'] })
    closeSync(output)
    let said = ''
    child.stderr?.on('data', chunk => {
      said += chunk
    })
    await until('armed', () => said.includes('File:'))
    await send(config, count)
    await sleep(400)
    child.kill('SIGINT')
    await until('ended', () => child.exitCode !== null)
    return Number(/Packets captured: (\d+)/.exec(said)?.[1])
  }

  const one = ['-i', 'b0']
  const two = ['-i', 'lo', '-i', 'b0']
  const costs: Outcome[] = []
  const single = await alternate(
    rounds,
    async () => {
      const outcome = await remora(one, small, 1_000_000)
      costs.push(outcome)
      return outcome.packets
    },
    () => bare(one, small, 1_000_000),
  )
  const both = await alternate(
    rounds,
    async () => (await remora(two, small, 1_000_000)).packets,
    () => bare(two, small, 1_000_000),
  )
  const bulk = await remora(one, large, 800_000)
  const gib = bulk.bytes / 2 ** 30
  const cpu = costs.map(cost => cost.cpu)
  return [
    packetsRow('packets of 1,000,000 small ones, one interface', single, 'bare: nsenter dumpcap -w, its own defaults'),
    packetsRow('packets of 1,000,000 small ones, two interfaces', both, 'bare: nsenter dumpcap -w, its own defaults'),
    cost('CPU of remora for 1,000,000 small packets', 's', median(cpu), spreadOf(cpu), 0.1),
    cost(
      'CPU of remora a GiB',
      's/GiB',
      bulk.cpu / gib,
      [bulk.cpu / gib, bulk.cpu / gib],
      0.05,
      `${gib.toFixed(2)} GiB captured`,
    ),
  ]
}

function packetsRow(name: string, values: { remora: number[]; bare: number[] }, note: string): Row {
  const [ours, theirs] = [median(values.remora), median(values.bare)]
  return {
    name,
    unit: '',
    remora: ours,
    bare: theirs,
    spread: spreadOf(values.remora),
    target: 'ratio ≥ 0.99',
    met: ours / theirs >= 0.99,
    note,
  }
}

function cost(name: string, unit: string, value: number, spread: [number, number], limit: number, note = ''): Row {
  return { name, unit, remora: value, spread, target: `≤ ${limit} ${unit}`, met: value <= limit, note }
}

/** The command that sends so many packets as fast as it can; 0: without end. */
export function sending(pair: NetnsPair, config: string, count: number): string[] {
  const trafgen = ['trafgen', '-i', config, '-o', 'a0', '-n', String(count), '-P', '1', '-q']
  return ['nsenter', `--net=/run/netns/${pair.sender}`, ...trafgen]
}

/** A configuration of trafgen: UDP to a port nobody listens on, with so many bytes of payload. */
export function traffic(folder: string, name: string, payload: number): string {
  const path = join(folder, `${name}.cfg`)
  const ethernet = 'eth(da=02:00:00:00:00:02, sa=02:00:00:00:00:01)'
  writeFileSync(
    path,
    `{ ${ethernet}, ipv4(saddr=10.213.7.1, daddr=10.213.7.2), udp(sp=1000, dp=9), fill('A', ${payload}) }\n`,
  )
  return path
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
