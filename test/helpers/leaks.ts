/** What a test may have left behind. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { until } from './command.ts'
import { isOurs } from './mark.ts'

/** Command lines of all processes, by number. */
export function processes(): Map<number, string> {
  const found = new Map<number, string>()
  for (const name of readdirSync('/proc').filter(entry => /^\d+$/.test(entry))) {
    try {
      found.set(Number(name), readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim())
    } catch {
      // It ended meanwhile.
    }
  }
  return found
}

/** Numbers of processes that this test started, directly or not, and whose command line contains a text. */
export function processesWith(text: string): number[] {
  return [...processes()]
    .filter(([pid, command]) => pid !== process.pid && command.includes(text) && isOurs(pid))
    .map(([pid]) => pid)
}

/** Numbers of dumpcap processes in a network namespace. */
export function dumpcapsIn(inode: number): number[] {
  return processesIn(inode, 'dumpcap')
}

/** Numbers of processes of a name in a network namespace. */
export function processesIn(inode: number, name: string): number[] {
  return [...processes().keys()].filter(pid => {
    try {
      const command = readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
      return command === name && readlinkSync(`/proc/${pid}/ns/net`) === `net:[${inode}]`
    } catch {
      return false
    }
  })
}

/** Fails unless no dumpcap is left in a namespace within five seconds. */
export async function expectNoDumpcap(inode: number): Promise<void> {
  await until(`no dumpcap is left in netns ${inode}`, () => dumpcapsIn(inode).length === 0, 5_000)
}

/** Open descriptors of a process. */
export function descriptorCount(pid: number | 'self' = 'self'): number {
  return readdirSync(`/proc/${pid}/fd`).length
}
