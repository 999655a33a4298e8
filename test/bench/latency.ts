/** How much later a packet arrives through a service than in a local capture. */
import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { end, must, sleep, start } from '../helpers/command.ts'
import type { NetnsPair } from '../helpers/netns.ts'
import { executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { blockSplitter, blockType } from '../helpers/split.ts'
import { median, quantile, type Row, row } from './measure.ts'
import { startService, withDumpcap } from './service.ts'

const { O_RDONLY, O_NONBLOCK } = constants
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
  for (const { child } of captures) await end(child, 'SIGINT')
  await service.close()
  const [local = [], remote = []] = captures.map(({ delays }) => delays)
  const base = median(local)
  const later = (share: number) => ({ unit: 'ms', values: [quantile(remote, share) - base] })
  return [
    row('a packet through the service later than locally, median', {
      ...{ ...later(0.5), must: { atMost: 1 } },
      note: `${remote.length} packets; local: 99 of 100 within ${(quantile(local, 0.99) - base).toFixed(2)} ms of the median`,
    }),
    row('… 99 of 100', { ...later(0.99), must: { atMost: 5 } }),
    row('… the latest', { ...later(1), note: `local: ${(quantile(local, 1) - base).toFixed(2)} ms` }),
  ]
}
