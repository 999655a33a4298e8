/** Real packets through a service: how many of a flood arrive in a file here, against bare dumpcap in the target. */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, sleep, start, until } from '../helpers/command.ts'
import type { NetnsPair } from '../helpers/netns.ts'
import { environment, executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { alternate, median, type Row, spreadOf } from './measure.ts'
import { sending, traffic } from './rate.ts'
import { startService } from './service.ts'

const rounds = 5

/** A gigabit a second, and as many as trafgen makes, which is more than this machine has processors for. */
export async function remoteRateRows(pair: NetnsPair): Promise<Row[]> {
  const rows: Row[] = []
  for (const rate of ['125MB', undefined]) rows.push(await remoteRateRow(pair, rate))
  return rows
}

async function remoteRateRow(pair: NetnsPair, rate: string | undefined): Promise<Row> {
  const folder = scratch()
  const file = join(folder, 'packets.pcapng')
  const large = traffic(folder, 'large', 1372)
  const count = 500_000
  const rates: number[] = []
  const send = async () => {
    const began = performance.now()
    await must(...sending(pair, large, count), ...(rate === undefined ? [] : ['-b', rate]))
    rates.push((count * 1414) / 1e3 / (performance.now() - began))
    await sleep(400)
  }
  const service = await startService()
  const remora = async () => {
    const log = join(folder, `log-${Math.random()}`)
    const args = ['capture', `named:${pair.receiver}`, '-i', 'b0', '--host', service.address, '-w', file, '--json']
    const { child, result } = start([executable, ...args], { env: environment({ REMORA_LOG_FILE: log }) })
    await until('connected', () => existsSync(log) && readFileSync(log, 'utf8').includes('connected'))
    await sleep(500)
    await send()
    child.kill('SIGTERM')
    return (JSON.parse((await result).stdout) as { packets: number }).packets
  }
  const bare = async () => {
    const output = openSync(file, 'w')
    const args = [`--net=/run/netns/${pair.receiver}`, '--', 'dumpcap', '-q', '-i', 'b0', '-w', '-']
    const child = spawn('nsenter', args, { stdio: ['ignore', output, 'pipe'] })
    closeSync(output)
    let said = ''
    child.stderr?.on('data', chunk => {
      said += chunk
    })
    await until('armed', () => said.includes('File:'))
    await send()
    child.kill('SIGINT')
    await until('ended', () => child.exitCode !== null)
    return Number(/Packets captured: (\d+)/.exec(said)?.[1])
  }
  const values = await alternate(rounds, remora, bare)
  await service.close()
  const [ours, theirs] = [median(values.remora), median(values.bare)]
  return {
    name: `packets of ${count.toLocaleString('en')} large ones through a service, ${median(rates).toFixed(0)} MB/s`,
    unit: '',
    remora: ours,
    bare: theirs,
    spread: spreadOf(values.remora),
    target: 'ratio ≥ 0.5',
    met: ours / theirs >= 0.5,
    note: 'bare: nsenter dumpcap -w, its own defaults',
  }
}
