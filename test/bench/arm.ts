/** From the call to an armed capture: the interface description is in the fifo. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { end, must, start } from '../helpers/command.ts'
import type { NetnsPair } from '../helpers/netns.ts'
import { environment, executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { inTurn, median, type Row, row } from './measure.ts'
import { startTime } from './start.ts'

const rounds = 21

export async function armRows(pair: NetnsPair, hello: string): Promise<Row[]> {
  const folder = scratch()
  const fifo = join(folder, 'fifo')
  await must('mkfifo', fifo)
  const env = environment({ DOCKER_HOST: 'unix:///nonexistent', HOME: '/nonexistent' })

  const inside = start(['nsenter', `--net=/run/netns/${pair.receiver}`, 'sleep', '600'], {}, 600_000)

  const remora = async (reference: string) => {
    const reader = createReadStream(fifo)
    const began = performance.now()
    const args = ['--capture', '--extcap-interface', 'remora', '--fifo', fifo, '--reference', reference]
    const child = spawn(executable, args, { env, stdio: 'ignore' })
    return timeToDescription(reader, began, child)
  }
  const bare = async () => {
    const began = performance.now()
    const args = [`--net=/run/netns/${pair.receiver}`, '--', 'dumpcap', '-q', '-i', 'lo', '-i', 'b0', '-w', '-']
    const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'ignore'] })
    return timeToDescription(child.stdout, began, child)
  }
  const { process, named, theirs, node } = await inTurn(rounds, {
    theirs: bare,
    process: () => remora(`pid:${inside.pid}`),
    named: () => remora(`named:${pair.receiver}`),
    node: () => startTime([hello]),
  })
  await end(inside.child)
  const allowed = 1.5 * median(theirs) + median(node)
  const compared = {
    ...{ unit: 'ms', counterpart: 'nsenter dumpcap', bare: theirs, must: { atMost: Math.round(allowed) } },
    note: `allowed: 1.5 × bare and one start of node (${median(node).toFixed(0)} ms)`,
  }
  return [
    row('`--capture` of a process to armed, two interfaces', { ...compared, values: process }),
    row('… of a namespace without one', { ...compared, values: named }),
  ]
}

/** Milliseconds until a second interface description block has come; then the writer is ended. */
async function timeToDescription(stream: NodeJS.ReadableStream, began: number, writer: ChildProcess): Promise<number> {
  let bytes = Buffer.alloc(0)
  for await (const chunk of stream) {
    bytes = Buffer.concat([bytes, chunk as Buffer])
    if (descriptions(bytes) >= 2) break
  }
  const elapsed = performance.now() - began
  await end(writer, 'SIGKILL')
  return elapsed
}

function descriptions(bytes: Buffer): number {
  let found = 0
  for (let at = 0; at + 8 <= bytes.length; at += bytes.readUInt32LE(at + 4))
    found += bytes.readUInt32LE(at) === 1 ? 1 : 0
  return found
}
