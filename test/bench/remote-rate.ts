/** Real packets through a service: how many of a flood arrive in a file here, against bare dumpcap, there and through socat. */
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { captureLog, untilLogged } from '../helpers/capture.ts'
import { must, sleep, start } from '../helpers/command.ts'
import { freePort } from '../helpers/free-port.ts'
import type { NetnsPair } from '../helpers/netns.ts'
import { descendantsOf } from '../helpers/process.ts'
import { environment, executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { cpuSeconds, inTurn, median, type Row, row } from './measure.ts'
import { sending, startDumpcap, traffic } from './rate.ts'
import { type BenchService, startService } from './service.ts'

const rounds = 5
/** Another executable to compare with, as of an earlier commit. */
const earlier = process.env.REMORA_BEFORE

interface Outcome {
  readonly packets: number
  /** CPU seconds of everything from dumpcap to the file. */
  readonly cpu: number
}

/** 20,000 a second, a gigabit a second, and as many as trafgen makes, which is more than this machine has processors for. */
export async function remoteRateRows(pair: NetnsPair): Promise<Row[]> {
  return [
    ...(await rowsAt(pair, 100_000, ['-b', '20000pps'])),
    ...(await rowsAt(pair, 500_000, ['-b', '125MB'])),
    ...(await rowsAt(pair, 500_000, [])),
  ]
}

async function rowsAt(pair: NetnsPair, count: number, limit: readonly string[]): Promise<Row[]> {
  const folder = scratch()
  const file = join(folder, 'packets.pcapng')
  const large = traffic(folder, 'large', 1372)
  const rates: number[] = []
  const cpuWhileSending = async (pids: readonly number[]) => {
    const before = pids.map(cpuSeconds)
    const began = performance.now()
    await must(...sending(pair, large, count), ...limit)
    rates.push((count * 1414) / 1e3 / (performance.now() - began))
    await sleep(400)
    return pids.reduce((sum, pid, index) => sum + cpuSeconds(pid) - (before[index] ?? 0), 0)
  }
  const through = async (program: string, service: BenchService): Promise<Outcome> => {
    const log = captureLog()
    const args = ['capture', `named:${pair.receiver}`, '-i', 'b0', '--host', service.address, '-w', file, '--json']
    const client = start([program, ...args], { env: environment(log.env) })
    await untilLogged(client, log, 'connected')
    await sleep(500)
    const cpu = await cpuWhileSending([service.pid, ...descendantsOf(service.pid), client.pid])
    client.child.kill('SIGTERM')
    return { packets: (JSON.parse((await client.result).stdout) as { packets: number }).packets, cpu }
  }
  const there = async (): Promise<Outcome> => {
    const { pids, stop } = await startDumpcap(pair, ['-i', 'b0'], openSync(file, 'w'))
    const cpu = await cpuWhileSending(pids)
    return { packets: await stop(), cpu }
  }
  /** What people do by hand: dumpcap's output through a connection into a file. */
  const byHand = async (): Promise<Outcome> => {
    const port = await freePort()
    const fifo = join(folder, `fifo-${port}`)
    await must('mkfifo', fifo)
    const receiver = start(['socat', '-u', '-b', '65536', `TCP-LISTEN:${port},bind=127.0.0.1`, `CREATE:${file}`])
    await sleep(200)
    const sender = start(['socat', '-u', '-b', '65536', `OPEN:${fifo},rdonly`, `TCP:127.0.0.1:${port}`])
    const { pids, stop } = await startDumpcap(pair, ['-i', 'b0'], openSync(fifo, 'w'))
    const cpu = await cpuWhileSending([...pids, sender.pid, receiver.pid])
    const packets = await stop()
    await Promise.all([sender.result, receiver.result])
    return { packets, cpu }
  }
  const service = await startService()
  const older = earlier === undefined ? undefined : await startService(environment(), earlier)
  const outcomes = await inTurn<'there' | 'byHand' | 'remora' | 'before', Outcome>(rounds, {
    there,
    byHand,
    remora: () => through(executable, service),
    before: async () => (older && earlier ? through(earlier, older) : { packets: Number.NaN, cpu: Number.NaN }),
  })
  await service.close()
  await older?.close()
  const packets = (of: readonly Outcome[]) => of.map(outcome => outcome.packets)
  const each = (of: readonly Outcome[]) => of.map(outcome => (1e6 * outcome.cpu) / outcome.packets)
  const ours = { values: packets(outcomes.remora) }
  const [there_, byHand_] = ['dumpcap -w, there', 'dumpcap, socat, TCP, socat']
  return [
    row(`packets of ${count.toLocaleString('en')} large ones through a service, ${median(rates).toFixed(0)} MB/s`, {
      ...{ ...ours, counterpart: there_, bare: packets(outcomes.there), must: { ratioAtLeast: 0.5 } },
    }),
    row('…', { ...ours, counterpart: byHand_, bare: packets(outcomes.byHand) }),
    row('… CPU from dumpcap to the file, for a million captured', {
      ...{ unit: 's', values: each(outcomes.remora), counterpart: byHand_, bare: each(outcomes.byHand) },
    }),
    ...(older === undefined
      ? []
      : [
          row('… against the earlier remora', {
            ...ours,
            counterpart: 'REMORA_BEFORE',
            bare: packets(outcomes.before),
          }),
          row('… its CPU', {
            ...{ unit: 's', values: each(outcomes.remora), counterpart: 'REMORA_BEFORE', bare: each(outcomes.before) },
          }),
        ]),
  ]
}
