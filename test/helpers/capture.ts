/** Captures whose log a test follows: it waits for what a capture does, and never for a time. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, run, until } from './command.ts'
import { startRemora } from './remora.ts'
import { scratch } from './scratch.ts'

/** A log that a remora is to write. */
export interface CaptureLog {
  /** Environment that makes remora write it. */
  readonly env: NodeJS.ProcessEnv
  /** Lines so far that tell of something. */
  count(words: string | RegExp): number
}

/** A capture with a log of its own. */
export interface LoggedCapture extends Running {
  readonly log: CaptureLog
  /** Waits until it has told of something so many times; fails when it ends before. */
  logged(words: string | RegExp, times?: number): Promise<void>
  /** Waits until it captures on every interface; again, where others have joined since. */
  armed(times?: number): Promise<void>
  /** Waits until it looks out for targets that are not there yet. */
  waiting(): Promise<void>
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

/** Follows the log of a running program, or of what it starts. */
export function followLog(running: Running, log: CaptureLog): LoggedCapture {
  let ended = false
  running.result.then(
    () => {
      ended = true
    },
    () => {},
  )
  const logged = (words: string | RegExp, times = 1) =>
    until(
      `the log tells of ${words}`,
      () => {
        if (log.count(words) >= times) return true
        if (ended) throw new Error(`ended before its log told of ${words}: ${running.stderr()}`)
        return false
      },
      30_000,
    )
  return {
    ...running,
    log,
    logged,
    armed: times => logged('the capture is armed', times),
    waiting: () => logged('waiting for'),
  }
}

/** Starts `remora capture`. */
export function startCapture(args: readonly string[], env: NodeJS.ProcessEnv = {}): LoggedCapture {
  const log = captureLog()
  return followLog(startRemora(['capture', ...args], { env: { ...env, ...log.env } }), log)
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
