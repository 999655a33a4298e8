/**
 * The guard: a second, tiny run of remora that ends captures when remora itself is killed. It holds one end of a pipe; the
 * kernel closes the other one however remora dies, and nothing dumpcap is made of can clear that. One guard watches over all
 * children, and ends with the last of them.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { kill } from 'node:process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { guardArgument, selfCommand } from '../../base/self.ts'
import { hasEnded, readStartTime } from '../process/proc.ts'

/** The hold on one process that is watched over. */
export interface Guard {
  /** Lets the process go; it has ended. */
  release(): void
}

let running: { readonly guard: ChildProcess; readonly watched: Set<number> } | undefined

/** Has a child of ours watched over. */
export function guardProcess(pid: number): Guard {
  running ??= { guard: startGuard(), watched: new Set() }
  const { guard, watched } = running
  watched.add(pid)
  guard.stdin?.write(`+${pid} ${readStartTime(pid) ?? 0}\n`)
  return {
    release() {
      if (!watched.delete(pid)) return
      if (watched.size > 0) return void guard.stdin?.write(`-${pid}\n`)
      if (running?.guard === guard) running = undefined
      guard.stdin?.end(`-${pid}\n`)
    },
  }
}

function startGuard(): ChildProcess {
  const [program = '', ...args] = selfCommand()
  const guard = spawn(program, [...args, guardArgument], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.once('error', () => {})
  guard.stdin?.on('error', () => {})
  guard.unref()
  return guard
}

/**
 * The guard's whole life: learns of processes until the end of standard input, then ends those that still are the same
 * ones; the first signal lets a capture finish its file, the second takes no refusal.
 */
export async function runGuard(input: Readable = process.stdin): Promise<void> {
  const watched = new Map<number, number>()
  for await (const line of createInterface({ input })) {
    const [, sign, pid, startTime] = /^([+-])(\d+)(?: (\d+))?$/.exec(line) ?? []
    if (sign === '+') watched.set(Number(pid), Number(startTime))
    else if (sign === '-') watched.delete(Number(pid))
  }
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const left = [...watched].filter(([pid, startTime]) => !hasEnded({ pid, startTime }))
    for (const [pid] of left) tryKill(pid, signal)
    if (left.length === 0) return
    await sleep(1_000)
  }
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    kill(pid, signal)
  } catch {
    // It ended meanwhile.
  }
}
