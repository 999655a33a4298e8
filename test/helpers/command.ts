/** Running real programs in tests: output collected, a deadline on everything, and nothing left behind. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'

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

/** Starts a program; killed after the deadline (milliseconds). */
export function start(command: readonly string[], options: SpawnOptions = {}, deadline = 60_000): Running {
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  const chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
  child.stdout?.on('data', chunk => chunks.stdout.push(chunk))
  child.stderr?.on('data', chunk => chunks.stderr.push(chunk))
  const timer = setTimeout(() => child.kill('SIGKILL'), deadline)
  const text = (name: 'stdout' | 'stderr') => Buffer.concat(chunks[name]).toString()
  const result = new Promise<Result>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => {
      clearTimeout(timer)
      resolve({ status, signal, stdout: text('stdout'), stderr: text('stderr') })
    })
  })
  result.catch(() => {})
  return { child, pid: child.pid ?? 0, stderr: () => text('stderr'), result }
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
