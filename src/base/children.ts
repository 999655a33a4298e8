/** Children that must not outlive this process, however it ends; what ends it without a word is the kernel's to tell them. */

import type { ChildProcess } from 'node:child_process'
import { guarded } from './timers.ts'

const running = new Set<ChildProcess>()

/** Kills a child when this process ends before it. */
export function endWithUs(child: ChildProcess): void {
  // What could not be started has no end.
  if (child.pid === undefined) return
  if (running.size === 0) process.once('exit', endAll)
  running.add(child)
  child.once(
    'exit',
    guarded(() => {
      running.delete(child)
      if (running.size === 0) process.off('exit', endAll)
    }),
  )
}

function endAll(): void {
  for (const child of running) child.kill('SIGKILL')
}
