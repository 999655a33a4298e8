/** What the kernel tells of a process that a test runs (proc(5)). */
import { readdirSync, readFileSync } from 'node:fs'

/** MiB of a process: all that is resident, or of that what is its alone. */
export function memoryOf(pid: number | 'self', field: 'VmRSS' | 'RssAnon' = 'VmRSS'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(status)?.[1]) / 1024
}

/** Numbers of the processes a process has started and that still are. */
export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap(thread => {
    try {
      return readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
    } catch {
      // The thread ended meanwhile.
      return []
    }
  })
}

/** Those, and theirs. */
export function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap(child => [child, ...descendantsOf(child)])
}
