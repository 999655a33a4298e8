/**
 * A program that captures in a network namespace and writes to a descriptor of ours: how it is started, watched, and ended
 * with remora, whichever program it is. In a session of its own, so that a Ctrl-C meant for remora does not end it before
 * the last packets are written.
 */
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { endWithUs } from '../../base/children.ts'
import { guarded, setTimeout } from '../../base/timers.ts'
import type { NetworkNamespace } from '../namespace/netns.ts'
import { namespaceEntry } from '../namespace/nsenter.ts'
import { ownerMark } from '../process/owner.ts'
import { spawnCommand, startFailure, toolEnvironment } from '../programs/run.ts'
import { lookUpTool } from '../programs/tools.ts'
import { guardProcess } from './guard.ts'
import type { CaptureMessages, CaptureReader } from './messages.ts'

/** A program that captures to its standard output. */
export interface CaptureProgram {
  /** Path and arguments. */
  readonly command: readonly string[]
  /** Options of setpriv(1): what it may do when it is started; where there is no setpriv they count for nothing. */
  readonly rights?: readonly string[]
  /** Reader of what it says. */
  reader(onReady: () => void): CaptureReader
}

/** A running capture. */
export interface CaptureProcess {
  /** Number of its process; 0 where it could not be started, which `ended` tells. */
  readonly pid: number
  /** The stream, where it was asked for as a pipe. */
  readonly stdout: Readable | null
  /** True when the capture is active on every interface; false when it ended before. */
  readonly ready: Promise<boolean>
  /** Settles when it has ended and its last words were read; fails with CAPTURE_FAILED when it could not be started. */
  readonly ended: Promise<CaptureEnd>
  messages(): CaptureMessages
  send(signal: 'SIGINT' | 'SIGKILL'): void
}

/** How such a program ended. */
export interface CaptureEnd {
  /** Exit status; null when a signal ended it. */
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly messages: CaptureMessages
}

/**
 * Starts a capture in a network namespace.
 * @param output descriptor of a pipe, fifo or file, opened for blocking writes, that stays the caller's; or a pipe of ours
 * @throws RemoraError TOOL_MISSING
 */
export function startCapturing(
  namespace: NetworkNamespace,
  program: CaptureProgram,
  output: number | 'pipe',
): CaptureProcess {
  const { prefix, descriptors } = namespaceEntry(namespace)
  const command = [...prefix, ...deathSignal(program.rights), ...program.command]
  const child = spawnCommand(command, {
    cwd: '/',
    detached: true,
    env: { ...toolEnvironment, ...ownerMark() },
    stdio: ['ignore', output, 'pipe', ...descriptors],
  })
  endWithUs(child)
  return watchProcess(child, command, program)
}

/**
 * Ends the capture with remora, should that be killed; survives the namespaces entered before (prctl(2), PR_SET_PDEATHSIG),
 * and the rights given up here, but no change of user later on.
 */
function deathSignal(rights: readonly string[] = []): string[] {
  const setpriv = lookUpTool('setpriv')
  return setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL', ...rights, '--']
}

/**
 * The kernel forgets the death signal when a file with capabilities is executed by anyone but root (begin_new_exec in
 * fs/exec.c): how distributions ship dumpcap. Then, and where there is no setpriv, another process watches over it.
 */
function needsGuard(): boolean {
  return process.geteuid?.() !== 0 || lookUpTool('setpriv') === undefined
}

/** Milliseconds from the end of a process until what it said has surely been read. */
const lastWordsTime = 100

function watchProcess(child: ChildProcess, command: readonly string[], program: CaptureProgram): CaptureProcess {
  const ready = Promise.withResolvers<boolean>()
  const ended = Promise.withResolvers<CaptureEnd>()
  const reader = program.reader(() => ready.resolve(true))
  const guard = child.pid !== undefined && needsGuard() ? guardProcess(child.pid) : undefined
  child.stderr?.setEncoding('utf8').on(
    'data',
    guarded((text: string) => reader.push(text)),
  )
  child.once('error', error => ended.reject(startFailure(command, error)))
  child.once(
    'close',
    guarded((status, signal) => {
      try {
        guard?.release()
        reader.end()
      } finally {
        ready.resolve(false)
        ended.resolve({ status, signal, messages: reader.messages() })
      }
    }),
  )
  // The end of its streams, which the last words come with, waits for whoever reads them.
  child.once('exit', () => setTimeout(() => ready.resolve(false), lastWordsTime))
  ended.promise.catch(() => ready.resolve(false))
  return {
    pid: child.pid ?? 0,
    stdout: child.stdout,
    ready: ready.promise,
    ended: ended.promise,
    messages: () => reader.messages(),
    send: signal => void child.kill(signal),
  }
}
