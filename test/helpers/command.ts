/** Running real programs in tests: output collected, a deadline on everything, and nothing left behind. */
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { execa, type Options } from 'execa'

export interface Result {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly pid: number
  /** Standard error so far. */
  stderr(): string
  readonly result: Promise<Result>
}

/** Starts a program; killed after the deadline (milliseconds). An environment that is given is the whole of it. */
export function start(command: readonly string[], options: SpawnOptions = {}, deadline = 60_000): Running {
  const [program = '', ...args] = command
  // Whatever the status, and every byte of the output: that is for the test to judge.
  const asItIs = { reject: false, stripFinalNewline: false, extendEnv: options.env === undefined }
  const limits = { timeout: deadline, killSignal: 'SIGKILL' }
  const all = { stdio: ['ignore', 'pipe', 'pipe'], ...options, ...asItIs, ...limits } as Options
  const running = execa(program, args, all)
  const { nodeChildProcess: child, pid = 0 } = running
  const said: Buffer[] = []
  child.stderr?.on('data', chunk => said.push(chunk))
  const result = running.then(({ exitCode = null, signal = null, stdout, stderr, cause }) => {
    if (pid === 0) throw cause
    return { status: exitCode, signal, stdout: String(stdout ?? ''), stderr: String(stderr ?? '') }
  })
  result.catch(() => {})
  return { child, pid, stderr: () => Buffer.concat(said).toString(), result }
}

/** Runs a program to its end. */
export function run(command: readonly string[], options: SpawnOptions = {}, deadline = 60_000): Promise<Result> {
  return start(command, options, deadline).result
}

/** Runs a program that must succeed; its standard output. */
export async function must(...command: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(command)
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}: ${stderr}`)
  return stdout
}

/** Waits until something holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeout = 10_000): Promise<void> {
  const deadline = Date.now() + timeout
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeout} ms in vain until ${what}`)
    await sleep(20)
  }
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}

/** Ends a child that is still running. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}
