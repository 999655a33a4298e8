/**
 * A command of the user's, run as a shell runs it: on our terminal, in our process group, with our standard input, output
 * and error. What cannot be run has the exit statuses POSIX gives it (Shell Command Language, 2.8.2).
 */
import type { ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { reasonOf, systemCode } from '../../base/errors.ts'
import { spawnCommand } from './run.ts'

/** A command of the user's that was started. */
export interface RunningCommand {
  readonly ended: Promise<CommandEnd>
  /** Sends a signal; does nothing when it has ended. */
  send(signal: NodeJS.Signals): void
}

/** How a command ended, as a shell tells it. */
export interface CommandEnd {
  /** Exit status; 128 and the number of the signal that ended it; 127 or 126 when it could not be run. */
  readonly status: number
  /** Why it could not be run. */
  readonly notRun?: string
}

/** Starts a command; a failure to do so is one way to end. */
export function startCommand(command: readonly string[], env: NodeJS.ProcessEnv): RunningCommand {
  const ended = Promise.withResolvers<CommandEnd>()
  let child: ChildProcess | undefined
  try {
    child = spawnCommand(command, { stdio: 'inherit', env })
    child.once('error', error => ended.resolve(notRun(command, error)))
    child.once('exit', (status, signal) => ended.resolve({ status: status ?? signalStatus(signal ?? 'SIGKILL') }))
  } catch (error) {
    ended.resolve(notRun(command, error))
  }
  return { ended: ended.promise, send: signal => void child?.kill(signal) }
}

/** Exit status of what a signal ended, as shells tell it. */
export function signalStatus(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}

function notRun([program = '']: readonly string[], error: unknown): CommandEnd {
  const code = systemCode(error)
  if (program === '' || code === 'ENOENT') return { status: 127, notRun: `cannot run "${program}": not found` }
  const reason = code === 'EACCES' ? 'permission denied' : reasonOf(error)
  return { status: 126, notRun: `cannot run "${program}": ${reason}` }
}
