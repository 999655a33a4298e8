/** Captures that a test follows: it waits for what a capture does, and never for a time. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable, type Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { type Running, run, start, until } from './command.ts'
import { environment, executable } from './remora.ts'
import { scratch } from './scratch.ts'

/** A log that a remora is to write. */
export interface CaptureLog {
  /** Environment that makes remora write it. */
  readonly env: NodeJS.ProcessEnv
  /** Lines so far that tell of something. */
  count(words: string | RegExp): number
}

/** A capture that tells when it is armed, with a log of its own. */
export interface FollowedCapture extends Running {
  /** Waits until it captures on every interface; fails when it ends before. */
  armed(): Promise<void>
  /** Waits until its log has told of something so many times; fails when it ends before. */
  logged(words: string | RegExp, times?: number): Promise<void>
}

/** How a capture is started. */
interface CaptureStart {
  readonly env?: NodeJS.ProcessEnv
  /** Where its standard output goes; undefined: into its result. */
  readonly output?: Writable | undefined
  /** Command that starts it, such as prlimit. */
  readonly under?: readonly string[]
  /** Milliseconds after which it is killed. */
  readonly deadline?: number
}

export function captureLog(): CaptureLog {
  const file = join(scratch(), 'log')
  const lines = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [])
  return {
    env: { REMORA_LOG_FILE: file, REMORA_LOG_LEVEL: 'debug' },
    count: words =>
      lines().filter(line => (typeof words === 'string' ? line.includes(words) : words.test(line))).length,
  }
}

/** Waits until a program, or what it starts, has logged something so many times; fails when it ends before. */
export async function untilLogged(running: Running, log: CaptureLog, words: string | RegExp, times = 1): Promise<void> {
  await untilTold(running, `the log tells of ${words}`, () => log.count(words) >= times)
}

/** Waits until a running program has told something; fails when it ends before. */
async function untilTold({ result, stderr }: Running, what: string, holds: () => boolean): Promise<void> {
  let ended = false
  const end = () => {
    ended = true
  }
  result.then(end, end)
  const told = () => {
    if (holds()) return true
    if (ended) throw new Error(`ended before ${what}: ${stderr()}`)
    return false
  }
  await until(what, told, 30_000)
}

/** Starts `remora capture`. */
export function startCapture(
  args: readonly string[],
  { env = {}, output, under = [], deadline }: CaptureStart = {},
): FollowedCapture {
  const log = captureLog()
  const command = [...under, executable, 'capture', ...args, '--ready-fd', '3']
  const stdio = { stdio: ['ignore' as const, output ?? ('pipe' as const), 'pipe' as const, 'pipe' as const] }
  const running = start(command, { ...stdio, env: environment({ ...env, ...log.env }) }, deadline)
  const [, , , descriptor] = running.child.stdio
  const ready = descriptor instanceof Readable ? text(descriptor) : Promise.resolve('')
  return {
    ...running,
    async armed() {
      if ((await ready) !== '\n') throw new Error(`ended before it was armed: ${running.stderr()}`)
    },
    logged: (words, times) => untilLogged(running, log, words, times),
  }
}

/** Starts `remora capture --json-lines`, and waits until it looks for targets that are not there yet. */
export async function startWaiting(args: readonly string[], how: CaptureStart = {}): Promise<FollowedCapture> {
  const capture = startCapture([...args, '--json-lines'], how)
  let told = ''
  for (const stream of [capture.child.stdout, capture.child.stderr]) {
    stream?.on('data', chunk => {
      told += chunk
    })
  }
  await untilTold(capture, 'it waits', () => told.includes('"event":"waiting"'))
  return capture
}

/** Waits until a file that is being written holds so many packets that match a display filter. */
export async function untilCaptured(file: string, filter: string, count: number): Promise<void> {
  const path = () => (existsSync(`${file}.partial`) ? `${file}.partial` : file)
  await until(
    `${count} packets "${filter}" are in ${file}`,
    async () => {
      // The last block may not be whole yet: tshark says so and shows what is before it.
      const { stdout } = await run(['tshark', '-n', '-r', path(), '-Y', filter, '-T', 'fields', '-e', 'frame.number'])
      return stdout.split('\n').filter(line => line !== '').length >= count
    },
    30_000,
  )
}
