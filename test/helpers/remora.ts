/** The built program, run as its users run it. */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Result, type Running, run, start } from './command.ts'
import { scratch } from './scratch.ts'

/** The single-file executable. */
export const executable = resolve('dist/remora')

/** The bundle. */
export const bundle = resolve('dist/remora.cjs')

if (!existsSync(executable)) throw new Error(`${executable} is missing: npm run package`)

interface Options {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
}

/** Environment of a run; without the settings of whoever runs the tests. */
export function environment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env
  return { PATH, HOME, ...extra }
}

/** Runs remora to its end. */
export function remora(args: readonly string[], options: Options = {}): Promise<Result> {
  return run([executable, ...args], { cwd: options.cwd, env: environment(options.env) })
}

/** Starts remora. */
export function startRemora(args: readonly string[], options: Options = {}): Running {
  return start([executable, ...args], { cwd: options.cwd, env: environment(options.env) })
}

/** A home directory in which Wireshark finds remora and nothing else. */
export function wiresharkHome(program = executable): string {
  const home = scratch()
  for (const folder of ['.config/wireshark/extcap', '.local/lib/wireshark/extcap']) {
    mkdirSync(join(home, folder), { recursive: true })
    symlinkSync(program, join(home, folder, 'remora'))
  }
  return home
}
