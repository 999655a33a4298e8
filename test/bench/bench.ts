/**
 * `npm run bench [-- --json]`: what remora costs and loses, each row against its bare counterpart in the same run,
 * alternating, as medians with their spread. Needs root, trafgen (netsniff-ng), GNU time, and a built dist/remora.
 */
import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { must } from '../helpers/command.ts'
import { makeNetnsPair } from '../helpers/netns.ts'
import { armRows } from './arm.ts'
import type { Row } from './measure.ts'
import { rateRows } from './rate.ts'
import { buildHello, startRows } from './start.ts'

const pair = await makeNetnsPair()
const rows: Row[] = []
try {
  const hello = await buildHello()
  rows.push(...(await startRows(hello)), ...(await armRows(pair, hello)), ...(await rateRows(pair)))
} finally {
  await pair.close()
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
