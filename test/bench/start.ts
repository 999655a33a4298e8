/** How long a listing takes, against a single-file executable that prints one line; and its memory. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageFor } from '../../scripts/package.ts'
import { run } from '../helpers/command.ts'
import { executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { alternate, median, type Row, spreadOf } from './measure.ts'

const rounds = 41

/** Builds the counterpart: the same node, the same way, one line. */
export async function buildHello(): Promise<string> {
  const folder = scratch()
  const source = join(folder, 'hello.cjs')
  writeFileSync(source, "process.stdout.write('hello\\n')\n")
  const built = join(folder, 'hello')
  await packageFor(`${process.platform}-${process.arch}`, { main: source, assets: {} }, built)
  return asInstalled(built)
}

/** A fresh copy: a file that was just written piece by piece is mapped in larger pieces, which counts as memory. */
function asInstalled(path: string): string {
  const copy = join(scratch(), 'program')
  copyFileSync(path, copy)
  return copy
}

/** Milliseconds of a run without any engine, from start to end. */
export async function startTime(command: readonly string[]): Promise<number> {
  const env = { PATH: process.env.PATH, HOME: '/nonexistent', DOCKER_HOST: 'unix:///nonexistent' }
  const began = performance.now()
  await run(command, { env })
  return performance.now() - began
}

export async function startRows(hello: string): Promise<Row[]> {
  const remora = [asInstalled(executable), '--extcap-interfaces']
  const values = await alternate(
    rounds,
    () => startTime(remora),
    () => startTime([hello]),
  )
  const ratio = median(values.remora) / median(values.bare)
  const peak = peakMemory(remora)
  return [
    {
      name: '--extcap-interfaces, no containers',
      unit: 'ms',
      remora: median(values.remora),
      bare: median(values.bare),
      spread: spreadOf(values.remora),
      target: 'ratio ≤ 1.3',
      met: ratio <= 1.3,
      note: 'bare: a single-file executable that prints one line',
    },
    {
      name: '--extcap-interfaces, peak memory',
      unit: 'MiB',
      remora: peak,
      bare: peakMemory([hello]),
      spread: [peak, peak],
      target: '≤ 60 MiB',
      met: peak <= 60,
    },
  ]
}

/** Greatest resident set of a run, MiB, by GNU time. */
function peakMemory(command: readonly string[]): number {
  if (!existsSync('/usr/bin/time')) throw new Error('GNU time is not installed: apt-get install time')
  const { stderr } = spawnSync('/usr/bin/time', ['-f', '%M', ...command], {
    encoding: 'utf8',
    env: { HOME: '/nonexistent' },
  })
  return Number(stderr.trim().split('\n').at(-1)) / 1024
}
