/**
 * The guard: a second, tiny run of remora that ends a capture when remora itself is killed. It holds one end of a pipe;
 * the kernel closes the other one however remora dies, and nothing dumpcap is made of can clear that.
 */
import { spawn } from 'node:child_process'
import { kill } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { guardArgument, selfCommand } from '../base/self.ts'
import { readStartTime } from './proc.ts'

export interface Guard {
  /** Lets the guard go; the process it watched over has ended. */
  release(): void
}

/** Starts a guard for a child of ours. */
export function guardProcess(pid: number): Guard {
  const [program = '', ...args] = selfCommand()
  const guard = spawn(program, [...args, guardArgument, String(pid), String(readStartTime(pid) ?? 0)], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.once('error', () => {})
  guard.stdin?.once('error', () => {})
  guard.unref()
  return { release: () => guard.stdin?.end() }
}

/**
 * The guard's whole life: waits for the end of standard input, then ends the process if it still is the same one; the
 * first signal lets it finish its file, the second takes no refusal.
 */
export async function runGuard(
  pid: number,
  startTime: number,
  input: AsyncIterable<unknown> = process.stdin,
): Promise<void> {
  for await (const _ of input);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (readStartTime(pid) !== startTime) return
    try {
      kill(pid, signal)
    } catch {
      return
    }
    await sleep(1_000)
  }
}
