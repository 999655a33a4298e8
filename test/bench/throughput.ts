/** How much goes through a service, against plain tools that do the same: a pipe, one TCP connection over loopback, a pipe. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { description, packet, sectionHeader } from '../helpers/blocks.ts'
import { end, must, sleep, start } from '../helpers/command.ts'
import { freePort } from '../helpers/free-port.ts'
import type { NetnsPair } from '../helpers/netns.ts'
import { executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { cpuSeconds, inTurn, median, type Row, row } from './measure.ts'
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
  const outcomes = await inTurn(rounds, { bare, remora })
  await service.close()
  closeSync(keeper)
  const part = (index: number) => median(outcomes.remora.map(({ parts }) => parts[index] ?? 0)).toFixed(2)
  const compared = (unit: string, value: (outcome: Outcome) => number, counterpart: string) => ({
    ...{ unit, values: outcomes.remora.map(value), counterpart, bare: outcomes.bare.map(value) },
  })
  return [
    row('service → client → fifo, the transport alone (cat in place of dumpcap)', {
      ...compared('GiB/s', ({ rate }) => rate, 'cat, socat, TCP, socat'),
      must: { ratioAtLeast: 0.95 },
    }),
    row('CPU of service and client for a GiB', {
      ...compared('s', ({ cpu }) => cpu, 'both socats'),
      note: `service ${part(0)}, client ${part(1)}`,
    }),
  ]
}

/** A section of dumpcap's, with an interface and packets of 1,400 bytes. */
function packetsOf(bytes: number): Buffer {
  const one = packet(0, 0n, 'A'.repeat(1_400))
  return Buffer.concat([sectionHeader(), description(), ...new Array<Buffer>(Math.floor(bytes / one.length)).fill(one)])
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
