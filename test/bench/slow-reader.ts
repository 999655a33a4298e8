/** A service behind whose client somebody reads slowly: does anything pile up? */
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { end, must, sleep, start, until } from '../helpers/command.ts'
import type { NetnsPair } from '../helpers/netns.ts'
import { memoryOf } from '../helpers/process.ts'
import { environment, executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { type Row, row } from './measure.ts'
import { sending, traffic } from './rate.ts'
import { startService } from './service.ts'

const slowTime = 60_000
const bytesPerSecond = 10_000

/** A reader of 10 kB/s behind a real client, while the target gets all the packets it can. */
export async function slowRow(pair: NetnsPair): Promise<Row[]> {
  const folder = scratch()
  const fifo = join(folder, 'fifo')
  await must('mkfifo', fifo)
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
  const service = await startService()
  const args = ['capture', `named:${pair.receiver}`, '-i', 'b0', '--host', service.address, '-w', fifo]
  const client = start([executable, ...args], { env: environment() }, 2 * slowTime)
  const bytes = Buffer.alloc(bytesPerSecond / 10)
  let taken = 0
  const take = () => {
    try {
      taken += readSync(reader, bytes)
    } catch {
      // Nothing there yet (EAGAIN).
    }
  }
  await until('the capture has begun', () => {
    take()
    return taken > 0
  })
  const flood = start(sending(pair, traffic(folder, 'large', 1372), 0), {}, 2 * slowTime)
  const timer = setInterval(take, 100)
  await sleep(5_000)
  const memory = { service: [] as number[], client: [] as number[] }
  for (let second = 0; second < slowTime / 1000; second++) {
    memory.service.push(memoryOf(service.pid))
    memory.client.push(memoryOf(client.pid))
    await sleep(1_000)
  }
  clearInterval(timer)
  await end(flood.child)
  const [link] = JSON.parse(await must('ip', '-n', pair.receiver, '-json', '-stats', 'link', 'show', 'b0'))
  const sent = link.stats64.rx.packets / 1e6
  await end(client.child)
  closeSync(reader)
  await service.close()
  return [
    row('a reader of 10 kB/s for 60 s, its target at full rate: memory of the service', {
      ...{ unit: 'MiB', values: memory.service, must: { flatWithin: 16 } },
      note: `${sent.toFixed(0)} million packets, ${(taken / 1e6).toFixed(1)} MB read`,
    }),
    row('… memory of the client', { unit: 'MiB', values: memory.client, must: { flatWithin: 16 } }),
  ]
}
