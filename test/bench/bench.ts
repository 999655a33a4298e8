/**
 * `npm run bench [-- --json] [GROUP…]`: what remora costs and loses, each row against its bare counterpart in the same run,
 * alternating, as medians with their spread. Needs root, trafgen (netsniff-ng), socat, GNU time, and a built dist/remora.
 */
import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { must } from '../helpers/command.ts'
import { startContainerd } from '../helpers/containerd.ts'
import { startDocker } from '../helpers/docker.ts'
import { makeNetnsPair } from '../helpers/netns.ts'
import { startPodman } from '../helpers/podman.ts'
import { armRows } from './arm.ts'
import { dockerStarter, podmanStarter, podStarter, waitRows, watchRows } from './life.ts'
import { containerListRows, namespaceListRows } from './list.ts'
import type { Row } from './measure.ts'
import { rateRows } from './rate.ts'
import { latencyRows, throughputRows } from './remote.ts'
import { manyRows, slowRow } from './remote-many.ts'
import { remoteRateRows } from './remote-rate.ts'
import { buildHello, startRows } from './start.ts'
import { weaveRows } from './weave.ts'

/** Groups of rows by name; `npm run bench -- GROUP…` runs only those. */
const groups: Record<string, () => Promise<Row[]>> = {
  async start() {
    return startRows(await buildHello())
  },
  async arm() {
    return withOwned(makeNetnsPair, async pair => armRows(pair, await buildHello()))
  },
  async rate() {
    return withOwned(makeNetnsPair, rateRows)
  },
  list: async () => [...(await withOwned(startPodman, containerListRows)), ...(await namespaceListRows())],
  watch: () => withOwned(startDocker, watchRows),
  wait: async () => [
    ...(await withOwned(startDocker, docker => waitRows(dockerStarter(docker), '172.17.0.1'))),
    ...(await withOwned(startPodman, podman => waitRows(podmanStarter(podman), '10.88.0.1'))),
    ...(await withOwned(startContainerd, containerd => waitRows(podStarter(containerd), '10.99.0.1'))),
  ],
  weave: weaveRows,
  remote: async () => [
    ...(await withOwned(makeNetnsPair, throughputRows)),
    ...(await withOwned(makeNetnsPair, latencyRows)),
    ...(await withOwned(makeNetnsPair, remoteRateRows)),
    ...(await withOwned(makeNetnsPair, manyRows)),
    ...(await withOwned(makeNetnsPair, slowRow)),
  ],
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
const rows: Row[] = []
for (const [name, measure] of Object.entries(groups)) {
  if (chosen.length === 0 || chosen.includes(name)) rows.push(...(await measure()))
}
const machine = {
  cpu: cpus()[0]?.model ?? '',
  cores: cpus().length,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
  dumpcap: (await must('dumpcap', '--version')).split('\n')[0],
  node: process.version,
}

if (process.argv.includes('--json')) console.log(JSON.stringify({ machine, rows }, null, 2))
else console.log(`${Object.values(machine).join(' · ')}\n\n${table(rows)}`)
process.exitCode = rows.every(({ met }) => met) ? 0 : 1

function table(all: readonly Row[]): string {
  const number = (value: number) =>
    value >= 1_000 ? value.toLocaleString('en', { maximumFractionDigits: 0 }) : value.toFixed(value < 1 ? 3 : 1)
  const lines = all.map(({ name, unit, remora, bare, spread, target, met, note }) =>
    [
      name,
      `${number(remora)} ${unit} (${spread.map(number).join('–')})`,
      bare === undefined ? '' : `${number(bare)} ${unit}`,
      bare === undefined ? '' : (remora / bare).toFixed(3),
      `${target}: ${met ? 'met' : 'MISSED'}`,
      note ?? '',
    ].join(' | '),
  )
  return [
    '| row | remora (spread) | bare | ratio | must | |',
    '|---|---|---|---|---|---|',
    ...lines.map(line => `| ${line} |`),
  ].join('\n')
}
