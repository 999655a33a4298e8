/**
 * `npm run bench [-- --json] [GROUP…]`: what remora costs and loses, each row against its bare counterpart in the same run,
 * in turn, as medians with their spread. Needs root, trafgen (netsniff-ng), tcpdump, socat, GNU time, and a built dist/remora.
 */
import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { must } from '../helpers/command.ts'
import { startContainerd } from '../helpers/containerd.ts'
import { startDocker } from '../helpers/docker.ts'
import { makeNetnsPair } from '../helpers/netns.ts'
import { startPodman } from '../helpers/podman.ts'
import { armRows } from './arm.ts'
import { firstPacketRows } from './first-packet.ts'
import { latencyRows } from './latency.ts'
import { containerListRows, namespaceListRows } from './list.ts'
import { containerLookRows, namespaceLookRows } from './looks.ts'
import { amount, type Row } from './measure.ts'
import { rateRows } from './rate.ts'
import { remoteRateRows } from './remote-rate.ts'
import { manyRows } from './service-many.ts'
import { slowRow } from './slow-reader.ts'
import { buildHello, startRows } from './start.ts'
import { throughputRows } from './throughput.ts'
import { dockerStarter, podmanStarter, podStarter, waitRows } from './wait.ts'
import { eventRows, idleWatchRows } from './watch.ts'
import { weaveRows } from './weave.ts'

/** Groups of rows by name; `npm run bench -- GROUP…` runs only those. */
const groups: Record<string, () => Promise<Row[]>> = {
  start: async () => startRows(await buildHello()),
  arm: () => withOwned(makeNetnsPair, async pair => armRows(pair, await buildHello())),
  first: () => withOwned(startDocker, async docker => firstPacketRows(docker, await buildHello())),
  rate: () => withOwned(makeNetnsPair, rateRows),
  weave: weaveRows,
  list: async () => [...(await withOwned(startPodman, containerListRows)), ...(await namespaceListRows())],
  watch: async () => [...(await withOwned(startDocker, eventRows)), ...(await idleWatchRows())],
  wait: async () => [
    ...(await withOwned(startDocker, docker => waitRows(dockerStarter(docker), '172.17.0.1'))),
    ...(await withOwned(startPodman, podman => waitRows(podmanStarter(podman), '10.88.0.1'))),
    ...(await withOwned(startContainerd, containerd => waitRows(podStarter(containerd), '10.99.0.1'))),
  ],
  remote: async () => [
    ...(await withOwned(makeNetnsPair, throughputRows)),
    ...(await withOwned(makeNetnsPair, latencyRows)),
    ...(await withOwned(makeNetnsPair, remoteRateRows)),
  ],
  looks: async () => [...(await withOwned(startDocker, containerLookRows)), ...(await namespaceLookRows())],
  service: async () => [...(await withOwned(makeNetnsPair, manyRows)), ...(await withOwned(makeNetnsPair, slowRow))],
}

async function withOwned<T extends { close(): Promise<void> }>(
  make: () => Promise<T>,
  use: (thing: T) => Promise<Row[]>,
): Promise<Row[]> {
  const thing = await make()
  try {
    return await use(thing)
  } finally {
    await thing.close()
  }
}

const chosen = process.argv.slice(2).filter(argument => argument !== '--json')
const unknown = chosen.filter(name => !(name in groups))
if (unknown.length > 0) {
  console.error(`no group ${unknown.join(', ')}; there are ${Object.keys(groups).join(', ')}`)
  process.exit(2)
}
const rows: Row[] = []
for (const [name, measure] of Object.entries(groups)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  const began = performance.now()
  rows.push(...(await measure()))
  console.error(`${name}: ${((performance.now() - began) / 1000).toFixed(0)} s`)
}
const machine = {
  cpu: cpus()[0]?.model ?? '',
  cores: cpus().length,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
  load: readFileSync('/proc/loadavg', 'utf8').split(' ')[2] ?? '',
  dumpcap: (await must('dumpcap', '--version')).split('\n')[0] ?? '',
  node: process.version,
}

if (process.argv.includes('--json')) console.log(JSON.stringify({ machine, rows }, null, 2))
else console.log(`${describeMachine()}\n\n${table(rows)}`)
process.exitCode = rows.every(({ met }) => met) ? 0 : 1

function describeMachine(): string {
  const { cpu, cores, memory, kernel, load, dumpcap, node } = machine
  return `${cpu}, ${cores} cores, ${memory}, Linux ${kernel}, load ${load}; ${dumpcap}; node ${node}`
}

function table(all: readonly Row[]): string {
  const lines = all.map(({ name, unit, remora, spread, counterpart, bare, ratio, must, met, note }) => [
    name,
    `${amount(remora, unit)} (${spread.map(value => amount(value)).join('–')})`,
    bare === undefined ? '' : `${amount(bare, unit)}, ${counterpart}`,
    ratio === undefined ? '' : ratio.toFixed(2),
    must === '' ? '' : `${must}: ${met ? 'met' : 'MISSED'}`,
    note ?? '',
  ])
  const head = ['row', 'remora (spread)', 'bare', 'ratio', 'must', 'note']
  return [head, head.map(() => '---'), ...lines].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}
