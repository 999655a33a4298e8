/**
 * One-shot runs of tools whose output is wanted: argument vectors only, a deadline, a limit on output, extra descriptors
 * from number 3 on. Straight on node:child_process, because a capture's start waits for it (docs/internals/performance.md).
 */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { endWithUs } from '../../base/children.ts'
import { RemoraError, systemCode } from '../../base/errors.ts'
import { startSuspendProofTimer } from '../../base/suspend-proof-timer.ts'
import { guarded } from '../../base/timers.ts'

/** What a run needs beyond its command. */
export interface RunOptions {
  /** Descriptors the child finds at 3, 4 …; they stay the caller's. */
  readonly descriptors?: readonly number[]
  readonly signal?: AbortSignal | undefined
  /** Milliseconds after which the child is killed and the run fails; 5,000 unless said otherwise. */
  readonly timeout?: number
  /** Environment of the child; {@link toolEnvironment} unless said otherwise. */
  readonly env?: NodeJS.ProcessEnv
  /** Text for its standard input. */
  readonly input?: string
  /** Bytes that both outputs may have together; 64 MiB unless said otherwise. */
  readonly maximumOutput?: number
}

/** What came of a run. */
export interface RunResult {
  /** Exit status; null when a signal ended the child. */
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Bytes of both outputs together. */
const standardMaximum = 64 * 1024 * 1024

/** Environment of the tools: messages in English, and nothing of the caller's that could steer them. */
export const toolEnvironment: NodeJS.ProcessEnv = { PATH: process.env.PATH ?? '', LC_ALL: 'C' }

/**
 * Runs a command to its end.
 * @throws RemoraError CAPTURE_FAILED when it cannot be started, runs past its deadline or prints without end;
 *   the reason of the signal when that aborts
 */
export function run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const {
    descriptors = [],
    signal,
    timeout = 5_000,
    env = toolEnvironment,
    input,
    maximumOutput = standardMaximum,
  } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const stdin = input === undefined ? 'ignore' : 'pipe'
    const child = spawnCommand(command, { cwd: '/', env, stdio: [stdin, 'pipe', 'pipe', ...descriptors] })
    endWithUs(child)
    // A child that ends without reading has told why by then.
    child.stdin?.once('error', () => {}).end(input)
    const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
    let size = 0
    const fail = (reason: unknown) => {
      child.kill('SIGKILL')
      settle(() => reject(reason))
    }
    const cancelDeadline = startSuspendProofTimer(timeout, () => fail(tooSlow(command, timeout)))
    const abort = () => fail(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    const settle = (finish: () => void) => {
      cancelDeadline()
      signal?.removeEventListener('abort', abort)
      finish()
    }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.on(
        'data',
        guarded((chunk: Buffer) => {
          size += chunk.length
          if (size > maximumOutput)
            fail(new RemoraError('CAPTURE_FAILED', `${command[0]} printed more than ${maximumOutput} bytes`))
          else chunks[name].push(chunk)
        }),
      )
    }
    child.once('error', error => fail(startFailure(command, error)))
    child.once(
      'close',
      guarded(status => {
        const text = (name: 'stdout' | 'stderr') => Buffer.concat(chunks[name]).toString()
        settle(() => resolve({ status, stdout: text('stdout'), stderr: text('stderr') }))
      }),
    )
  })
}

function tooSlow([program]: readonly string[], timeout: number): RemoraError {
  return new RemoraError('CAPTURE_FAILED', `${program} did not end within ${timeout / 1000} s`, {
    hint: 'The machine may be overloaded: try again.',
  })
}

/** Starts an argument vector; the first element is the program. */
export function spawnCommand([program = '', ...args]: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn(program, args, options)
}

/** What the system says when there is too much of everything (fork(2), pipe(2)). */
const outOf = ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE']

/** The failure of a program that could not be started at all. */
export function startFailure([program]: readonly string[], cause: Error): RemoraError {
  return new RemoraError('CAPTURE_FAILED', `cannot start ${program}: ${cause.message}`, {
    cause,
    hint: outOf.includes(systemCode(cause) ?? '')
      ? 'Processes, descriptors or memory have run out: end something, or raise the limit (ulimit -a).'
      : `Can it be run by hand? ${program} --version`,
  })
}
