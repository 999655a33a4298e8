/**
 * A capture around a command: the command starts when every interface is armed, the capture ends after it, and what comes
 * of the command is what comes of all. Signals are meant for the command: the capture goes on until that has ended.
 */

import { RemoraError, toRemoraError } from '../base/errors.ts'
import { setTimeout } from '../base/timers.ts'
import { isInForeground } from '../linux/process/foreground.ts'
import { type CommandEnd, type RunningCommand, signalStatus, startCommand } from '../linux/programs/command.ts'
import type { Lifetime } from './request/lifetime.ts'
import type { OutputRequest, Settlement } from './request/output.ts'
import type { CaptureReport } from './request/report.ts'

/** A command, and where the packets of its time go. */
export interface AroundRequest {
  /** Program and arguments. */
  readonly command: readonly string[]
  /** Absolute path of the capture file. */
  readonly file: string
  /** Keep the file only when something failed. */
  readonly onFailure: boolean
  readonly env?: NodeJS.ProcessEnv
}

/** What came of the command and of the capture. */
export interface AroundResult {
  /** Exit status for all: the command's; or that of the capture, where only that failed. */
  readonly status: number
  /** Why the command could not be run. */
  readonly notRun?: string | undefined
  readonly report?: CaptureReport | undefined
  /** Why the capture broke, while the command went on. */
  readonly failure?: RemoraError | undefined
  /** Whether the file is there. */
  readonly kept: boolean
}

/** Starts the capture, as `runCapture` of a host does. */
export type StartCapture = (
  destination: OutputRequest,
  context: { readonly lifetime: Lifetime; readonly onArmed: () => void },
) => Promise<CaptureReport | undefined>

/**
 * Runs a command with a capture around it.
 * @throws RemoraError when the capture cannot start: then the command is not run
 */
export async function captureAround(request: AroundRequest, capture: StartCapture): Promise<AroundResult> {
  const { command, file, env = process.env } = request
  const armed = Promise.withResolvers<true>()
  const signals = takeSignals()
  const written: { settlement?: Settlement } = {}
  const onWritten = (settlement: Settlement) => void Object.assign(written, { settlement })
  try {
    const capturing = capture(
      { kind: 'file', path: file, onWritten },
      { lifetime: signals.lifetime, onArmed: () => armed.resolve(true) },
    )
    capturing.catch(() => {})
    const isArmed = await Promise.race([armed.promise, capturing.then(() => false)])
    const signal = signals.received()
    if (signal !== undefined) {
      await capturing
      return { status: signalStatus(signal), kept: false }
    }
    if (!isArmed) throw new RemoraError('CAPTURE_FAILED', 'the capture ended before the command could be started')
    const running = startCommand(command, { ...env, REMORA_CAPTURE_FILE: file })
    signals.passTo(running)
    const end = await running.ended
    signals.stopCapture()
    const captured: Captured = await capturing.then(
      report => ({ report }),
      error => ({ failure: toRemoraError(error) }),
    )
    return conclude(request, end, captured, written.settlement)
  } finally {
    // Does nothing when it was kept.
    written.settlement?.discard()
    signals.release()
  }
}

type Captured = Pick<AroundResult, 'report' | 'failure'>

/** What comes of the command and of the capture together; gives the file its name where it is wanted. */
function conclude(
  { onFailure }: AroundRequest,
  { status, notRun }: CommandEnd,
  captured: Captured,
  settlement: Settlement | undefined,
): AroundResult {
  const overall = (failure = captured.failure) => (status === 0 ? (failure?.exit ?? 0) : status)
  const wanted = notRun === undefined && (overall() !== 0 || !onFailure)
  if (!wanted || settlement === undefined) return { ...captured, status: overall(), notRun, kept: false }
  try {
    settlement.keep()
    return { ...captured, status: overall(), kept: true }
  } catch (error) {
    const failure = captured.failure ?? toRemoraError(error)
    return { ...captured, failure, status: overall(failure), kept: false }
  }
}

/** Signals of the process, whose meaning changes: until the command runs they end the capture, then they are the command's. */
interface Signals {
  readonly lifetime: Lifetime
  /** The first that came before the command. */
  received(): NodeJS.Signals | undefined
  passTo(command: RunningCommand): void
  /** The command has ended: now the capture does. */
  stopCapture(): void
  release(): void
}

/** Milliseconds in which a signal sent to the whole process group may have ended the command already. */
const groupSignalDelayMs = 100
/** Milliseconds within which further signals belong to the same wish. */
const repeatedSignalMs = 500

function takeSignals(): Signals {
  const stop = new AbortController()
  const kill = new AbortController()
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
  let command: RunningCommand | undefined
  let first: NodeJS.Signals | undefined
  let asked: number | undefined
  const insists = () => {
    asked ??= performance.now()
    return performance.now() - asked > repeatedSignalMs
  }
  const endCapture = (name: NodeJS.Signals) => {
    if (insists()) kill.abort(name)
    if (stop.signal.aborted) return
    first = name
    stop.abort(name)
  }
  const passOn = (name: NodeJS.Signals, running: RunningCommand) => {
    // The terminal has sent it to the command as well, whose affair it is: for an interpreter it is no wish to end.
    if ((name === 'SIGINT' || name === 'SIGQUIT') && isInForeground()) return
    if (asked === undefined) {
      setTimeout(() => running.send(name), groupSignalDelayMs)
      insists()
    } else if (insists()) running.send('SIGKILL')
  }
  const take = (name: NodeJS.Signals) => {
    if (stop.signal.aborted || command === undefined) endCapture(name)
    else passOn(name, command)
  }
  for (const name of names) process.on(name, take)
  return {
    lifetime: { stop: stop.signal, kill: kill.signal },
    received: () => first,
    passTo: running => {
      command = running
    },
    stopCapture: () => stop.abort(),
    release: () => {
      for (const name of names) process.off(name, take)
    },
  }
}
