/**
 * The highest rate a veth pair sustains: how many packets get into a file through remora and through bare tools, what
 * that costs in CPU time, and what remora itself has of it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startCapture } from '../helpers/capture.ts'
import { must, sleep, until } from '../helpers/command.ts'
import type { NetnsPair } from '../helpers/netns.ts'
import { descendantsOf, memoryOf } from '../helpers/process.ts'
import { scratch } from '../helpers/scratch.ts'
import { cpuSeconds, inTurn, median, type Row, row } from './measure.ts'

const rounds = 5
const small = 1_000_000
const large = 800_000

/** What is capturing into a file. */
interface Capturing {
  /** The process that was started, and those it has started. */
  readonly pids: readonly number[]
  /** Ends it; packets it says it has captured. */
  stop(): Promise<number>
}

interface Outcome {
  readonly packets: number
  /** CPU seconds of the first process, and of all. */
  readonly own: number
  readonly all: number
  readonly bytes: number
  /** MiB of the first process at the end. */
  readonly memory: number
}

export async function rateRows(pair: NetnsPair): Promise<Row[]> {
  const folder = scratch()
  const file = join(folder, 'packets')
  const smallPackets = traffic(folder, 'small', 18)
  const largePackets = traffic(folder, 'large', 1372)

  const measure = async (begin: () => Promise<Capturing>, config: string, count: number): Promise<Outcome> => {
    const { pids, stop } = await begin()
    const before = pids.map(cpuSeconds)
    await must(...sending(pair, config, count))
    await sleep(400)
    const used = pids.map((pid, index) => cpuSeconds(pid) - (before[index] ?? 0))
    const memory = memoryOf(pids[0] ?? 0)
    const packets = await stop()
    const all = used.reduce((sum, one) => sum + one, 0)
    return { packets, own: used[0] ?? 0, all, bytes: statSync(file).size, memory }
  }
  const remora = (args: readonly string[]) => () => startRemora(pair, [...args, '-w', file])
  const dumpcap = (args: readonly string[]) => () => startDumpcap(pair, args, openSync(file, 'w'))
  const one = ['-i', 'b0']
  const two = ['-i', 'lo', '-i', 'b0']
  const single = await inTurn(rounds, {
    dumpcap: () => measure(dumpcap(one), smallPackets, small),
    piped: () => measure(() => startPiped(pair, one, file), smallPackets, small),
    tcpdump: () => measure(() => startTcpdump(pair, file), smallPackets, small),
    remora: () => measure(remora(one), smallPackets, small),
    woven: () => measure(remora([...one, '--direction']), smallPackets, small),
  })
  const both = await inTurn(rounds, {
    dumpcap: () => measure(dumpcap(two), smallPackets, small),
    remora: () => measure(remora(two), smallPackets, small),
  })
  const bulk = await inTurn(3, {
    dumpcap: () => measure(dumpcap(one), largePackets, large),
    remora: () => measure(remora(one), largePackets, large),
  })
  const packets = (outcomes: readonly Outcome[]) => outcomes.map(outcome => outcome.packets)
  const captured = `packets of ${small.toLocaleString('en')} small ones as fast as they can be sent`
  const against = (counterpart: string, bare: readonly Outcome[]) => ({ counterpart, bare: packets(bare) })
  const perGib = (outcomes: readonly Outcome[], which: 'own' | 'all') =>
    outcomes.map(outcome => (outcome[which] * 2 ** 30) / outcome.bytes)
  const ours = { values: packets(single.remora) }
  const whole = { unit: 's', values: single.remora.map(({ all }) => all) }
  return [
    row(captured, { ...ours, ...against('dumpcap -w', single.dumpcap), must: { ratioAtLeast: 0.99 } }),
    row('…', { ...ours, ...against('dumpcap, piped through cat', single.piped) }),
    row('…', { ...ours, ...against('tcpdump -w', single.tcpdump) }),
    row('… woven (--direction)', { values: packets(single.woven), ...against('dumpcap -w', single.dumpcap) }),
    row('… two interfaces, of which one is idle', {
      values: packets(both.remora),
      ...against('dumpcap -w', both.dumpcap),
      must: { ratioAtLeast: 0.99 },
    }),
    row('CPU of remora itself for them', {
      unit: 's',
      values: single.remora.map(({ own }) => own),
      must: { atMost: 0.1 },
    }),
    row('CPU of remora and dumpcap for them', {
      ...{ ...whole, counterpart: 'dumpcap -w', bare: single.dumpcap.map(({ all }) => all) },
      note: `of ${median(packets(single.remora)).toLocaleString('en')} and ${median(packets(single.dumpcap)).toLocaleString('en')} packets`,
    }),
    row('…', { ...whole, counterpart: 'tcpdump -w', bare: single.tcpdump.map(({ all }) => all) }),
    row('… woven: remora itself', { unit: 's', values: single.woven.map(({ own }) => own) }),
    row('CPU of remora itself for a GiB', { unit: 's', values: perGib(bulk.remora, 'own'), must: { atMost: 0.05 } }),
    row('CPU of remora and dumpcap for a GiB', {
      ...{ unit: 's', values: perGib(bulk.remora, 'all') },
      ...{ counterpart: 'dumpcap -w', bare: perGib(bulk.dumpcap, 'all') },
    }),
    row('memory of remora while it captures', { unit: 'MiB', values: single.remora.map(({ memory }) => memory) }),
    row('… woven', { unit: 'MiB', values: single.woven.map(({ memory }) => memory) }),
  ]
}

async function startRemora(pair: NetnsPair, args: readonly string[]): Promise<Capturing> {
  const env = { DOCKER_HOST: 'unix:///nonexistent' }
  const running = startCapture([`named:${pair.receiver}`, ...args, '--json'], { env })
  await running.armed()
  return {
    pids: [running.pid, ...descendantsOf(running.pid)],
    async stop() {
      running.child.kill('SIGTERM')
      return (JSON.parse((await running.result).stdout) as { packets: number }).packets
    },
  }
}

/** dumpcap with its own defaults, into a descriptor that is closed here. */
export async function startDumpcap(pair: NetnsPair, args: readonly string[], output: number): Promise<Capturing> {
  const command = [`--net=/run/netns/${pair.receiver}`, '--', 'dumpcap', '-q', ...args, '-w', '-']
  const child = spawn('nsenter', command, { stdio: ['ignore', output, 'pipe'] })
  closeSync(output)
  return toolThatCaptures(child, 'File:', /Packets captured: (\d+)/)
}

async function startPiped(pair: NetnsPair, args: readonly string[], file: string): Promise<Capturing> {
  const fifo = join(scratch(), 'fifo')
  await must('mkfifo', fifo)
  const output = openSync(file, 'w')
  const cat = spawn('cat', [fifo], { stdio: ['ignore', output, 'ignore'] })
  closeSync(output)
  const { pids, stop } = await startDumpcap(pair, args, openSync(fifo, 'w'))
  return { pids: [...pids, cat.pid ?? 0], stop }
}

/** tcpdump with its own defaults, but without giving up its rights, which the folder of the file asks for. */
function startTcpdump(pair: NetnsPair, file: string): Promise<Capturing> {
  const command = [`--net=/run/netns/${pair.receiver}`, '--', 'tcpdump', '-Z', 'root', '-i', 'b0', '-w', file]
  const child = spawn('nsenter', command, { stdio: ['ignore', 'ignore', 'pipe'] })
  return toolThatCaptures(child, 'listening on', /(\d+) packets captured/)
}

async function toolThatCaptures(child: ChildProcess, armed: string, captured: RegExp): Promise<Capturing> {
  let said = ''
  child.stderr?.on('data', chunk => {
    said += chunk
  })
  await until('armed', () => said.includes(armed))
  return {
    pids: [child.pid ?? 0],
    async stop() {
      child.kill('SIGINT')
      await until('ended', () => child.exitCode !== null && captured.test(said))
      return Number(captured.exec(said)?.[1])
    },
  }
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
