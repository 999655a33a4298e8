/**
 * What the way through a service costs: how much goes through it, against plain tools that do the same (a pipe, one TCP
 * connection over loopback, a pipe), and how much later a packet arrives than in a local capture.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer, Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { description, packet, sectionHeader } from '../helpers/blocks.ts'
import { end, must, sleep, start } from '../helpers/command.ts'
import type { NetnsPair } from '../helpers/netns.ts'
import { executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { blockSplitter, blockType } from '../helpers/split.ts'
import { alternate, cpuSeconds, median, type Row, spreadOf } from './measure.ts'
import { startService, withDumpcap } from './service.ts'

const { O_RDONLY, O_NONBLOCK } = constants
const gib = 2 ** 30
const rounds = 5
/** Bytes that go through in each round. */
const amount = 2 * gib

interface Outcome {
  /** GiB a second. */
  readonly rate: number
  /** CPU seconds a GiB, of everything between the pipes. */
  readonly cpu: number
  readonly parts: readonly number[]
}

/**
 * The transport by itself. dumpcap is `cat` of packets of 1,400 bytes in memory, without end; the bare counterpart has
 * the same `cat` before, and socat twice in place of service and client, with pieces of 64 KiB (its own are 8 KiB, and
 * slower). Measured is from the first byte `cat` may write to the arrival of the last of 2 GiB at the reader (`dd`).
 */
export async function throughputRows(pair: NetnsPair): Promise<Row[]> {
  const folder = scratch()
  const path = (name: string) => join(folder, name)
  const data = path('packets.pcapng')
  writeFileSync(data, packetsOf(64 * 2 ** 20))
  for (const name of ['gate', 'before', 'after']) await must('mkfifo', path(name))
  const source = `cat ${path('gate')} > /dev/null; while cat ${data}; do :; done`
  // Somebody must have the last pipe open when its reader has had enough: then all stand still, and can be looked at.
  const keeper = openSync(path('after'), O_RDONLY | O_NONBLOCK)

  const measure = async (pids: readonly number[]): Promise<Outcome> => {
    const gate = await open(path('gate'), 'w')
    const before = pids.map(cpuSeconds)
    const reader = spawn(
      'dd',
      [`if=${path('after')}`, 'of=/dev/null', 'bs=64K', `count=${amount}`, 'iflag=fullblock,count_bytes'],
      { stdio: 'ignore' },
    )
    await once(reader, 'spawn')
    await sleep(100)
    const began = performance.now()
    await gate.close()
    await once(reader, 'exit')
    const seconds = (performance.now() - began) / 1000
    const parts = pids.map((pid, index) => ((cpuSeconds(pid) - (before[index] ?? 0)) * gib) / amount)
    return { rate: amount / gib / seconds, cpu: parts.reduce((sum, part) => sum + part, 0), parts }
  }

  const env = withDumpcap(source)
  const service = await startService(env)
  const remora = async () => {
    const args = ['capture', `named:${pair.receiver}`, '-i', 'b0', '--host', service.address, '-w', path('after')]
    const client = start([executable, ...args], { env })
    try {
      return await measure([service.pid, client.pid])
    } finally {
      await end(client.child)
      drain(keeper)
    }
  }
  const bare = async () => {
    const port = await freePort()
    const socat = (from: string, to: string, redirect: string) =>
      start(['sh', '-c', `exec socat -u -b 65536 ${from} ${to} ${redirect}`])
    const parts = [
      socat(`TCP-LISTEN:${port},bind=127.0.0.1`, '-', `> ${path('after')}`),
      start(['sh', '-c', `exec > ${path('before')}; ${source}`]),
    ]
    await sleep(100)
    parts.push(socat('-', `TCP:127.0.0.1:${port}`, `< ${path('before')}`))
    try {
      const [receiver, , sender] = parts
      return await measure([sender?.pid ?? 0, receiver?.pid ?? 0])
    } finally {
      for (const { child } of parts) await end(child)
      drain(keeper)
    }
  }
  const outcomes = { remora: [] as Outcome[], bare: [] as Outcome[] }
  const kept = (name: 'remora' | 'bare', run: () => Promise<Outcome>) => async () => {
    const outcome = await run()
    outcomes[name].push(outcome)
    return outcome.rate
  }
  const rates = await alternate(rounds, kept('remora', remora), kept('bare', bare))
  await service.close()
  closeSync(keeper)
  const [ours, theirs] = [median(rates.remora), median(rates.bare)]
  const cpu = outcomes.remora.map(outcome => outcome.cpu)
  const part = (index: number) => median(outcomes.remora.map(({ parts }) => parts[index] ?? 0)).toFixed(2)
  return [
    {
      name: 'service → client → fifo, the transport alone (cat in place of dumpcap)',
      unit: 'GiB/s',
      remora: ours,
      bare: theirs,
      spread: spreadOf(rates.remora),
      target: 'ratio ≥ 0.5',
      met: ours / theirs >= 0.5,
      note: 'bare: cat, socat, TCP, socat, dd',
    },
    {
      name: 'CPU of service and client a GiB',
      unit: 's/GiB',
      remora: median(cpu),
      bare: median(outcomes.bare.map(outcome => outcome.cpu)),
      spread: spreadOf(cpu),
      target: 'none',
      met: true,
      note: `service ${part(0)}, client ${part(1)}; bare: both socats`,
    },
  ]
}

/** A section of dumpcap's, with an interface and packets of 1,400 bytes. */
function packetsOf(bytes: number): Buffer {
  const one = packet(0, 0n, 'A'.repeat(1_400))
  return Buffer.concat([sectionHeader(), description(), ...new Array<Buffer>(Math.floor(bytes / one.length)).fill(one)])
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Takes what is left in a pipe. */
function drain(fd: number): void {
  const bytes = Buffer.alloc(64 * 1024)
  try {
    while (readSync(fd, bytes) > 0);
  } catch {
    // Nothing left (EAGAIN).
  }
}

const latencyTime = 30_000

/**
 * How much later a packet arrives. dumpcap itself hands packets over up to 250 ms late, which would drown the rest, so
 * a stand-in writes a hundred blocks a second, each with the moment it was written (a clock all processes share). One
 * local capture, whose pipe that stand-in writes to itself, and one through the service run at the same time; this
 * process reads both. What is added is the time of the remote blocks less the median of the local ones, which is what the
 * reader itself needs to wake up.
 */
export async function latencyRows(pair: NetnsPair): Promise<Row[]> {
  const folder = scratch()
  const env = withDumpcap(`exec ${process.execPath} ${resolve('test/bench/stamper.ts')}`)
  const service = await startService(env)
  const arrivals = async (name: string, place: readonly string[]) => {
    const fifo = join(folder, name)
    await must('mkfifo', fifo)
    const delays: number[] = []
    const splitter = blockSplitter()
    const reader = new Socket({ fd: openSync(fifo, O_RDONLY | O_NONBLOCK), readable: true, writable: false })
    const args = ['capture', `named:${pair.receiver}`, '-i', 'b0', ...place, '-w', fifo]
    const { child } = start([executable, ...args], { env })
    reader.on('data', chunk => {
      const now = process.hrtime.bigint()
      for (const block of splitter.push(chunk)) {
        if (blockType(block) === 6) delays.push(Number(now - BigInt(block.toString('latin1', 28, 48))) / 1e6)
      }
    })
    return { delays, child }
  }
  const captures = [await arrivals('local', []), await arrivals('remote', ['--host', service.address])]
  await sleep(3_000)
  // The first blocks meet code that has not run yet.
  for (const { delays } of captures) delays.length = 0
  await sleep(latencyTime)
  const [local = [], remote = []] = captures.map(({ delays }) => delays.toSorted((a, b) => a - b))
  for (const { child } of captures) await end(child, 'SIGINT')
  await service.close()
  const at = (values: readonly number[], share: number) => values[Math.floor(values.length * share)] ?? Number.NaN
  const base = median(local)
  const note = `${remote.length} blocks; local: median ${base.toFixed(2)} ms, 99 of 100 within ${at(local, 0.99).toFixed(2)} ms`
  return [
    latencyRow('median', at(remote, 0.5) - base, 1),
    { ...latencyRow('99 of 100', at(remote, 0.99) - base, 5), note },
  ]
  function latencyRow(name: string, value: number, limit: number): Row {
    const spread = [at(remote, 0) - base, at(remote, 0.999) - base] as const
    return {
      name: `a packet through the service later than locally, ${name}`,
      unit: 'ms',
      remora: value,
      spread,
      target: `≤ ${limit} ms`,
      met: value <= limit,
    }
  }
}
