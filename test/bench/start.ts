/** How long each face takes from its start to its end, against a single-file executable that prints one line; and its memory. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageFor } from '../../scripts/package.ts'
import { run } from '../helpers/command.ts'
import { executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { inTurn, type Row, row } from './measure.ts'
import { startService } from './service.ts'

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
  const remora = asInstalled(executable)
  const faces = {
    '--extcap-interfaces': ['--extcap-interfaces'],
    '--extcap-config': ['--extcap-interface', 'remora', '--extcap-config'],
    'list --json': ['list', '--json'],
    '--version': ['--version'],
  }
  const times = await inTurn(rounds, {
    hello: () => startTime([hello]),
    '--extcap-interfaces': () => startTime([remora, ...faces['--extcap-interfaces']]),
    '--extcap-config': () => startTime([remora, ...faces['--extcap-config']]),
    'list --json': () => startTime([remora, ...faces['list --json']]),
    '--version': () => startTime([remora, ...faces['--version']]),
    serve: timeToService,
  })
  const { hello: bare } = times
  const counterpart = 'an executable that prints one line'
  const compared = { unit: 'ms', counterpart, bare }
  const memory = (args: readonly string[]) => [peakMemory([remora, ...args])]
  const memoryBare = { unit: 'MiB', counterpart, bare: [peakMemory([hello])] }
  return [
    row('`--extcap-interfaces`, no containers', {
      ...compared,
      values: times['--extcap-interfaces'],
      must: { ratioAtMost: 1.3 },
    }),
    row('… peak memory', { ...memoryBare, values: memory(faces['--extcap-interfaces']), must: { atMost: 60 } }),
    row('`--extcap-config`', { ...compared, values: times['--extcap-config'] }),
    row('`--version`', { ...compared, values: times['--version'] }),
    row('`list --json`, no containers', { ...compared, values: times['list --json'] }),
    row('… peak memory', { ...memoryBare, values: memory(faces['list --json']) }),
    row('`serve`, to where it listens', { ...compared, values: times.serve }),
  ]
}

async function timeToService(): Promise<number> {
  const began = performance.now()
  const service = await startService()
  const elapsed = performance.now() - began
  await service.close()
  return elapsed
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
