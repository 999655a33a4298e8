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

/** Whether a process is to be counted. */
type Whose = (pid: number) => boolean

/**
 * Numbers of dumpcap processes in a network namespace.
 * @param whose those that this test started, directly or not, unless said otherwise: another remora on the machine may
 *   capture in every namespace that is just being mounted
 */
export function dumpcapsIn(inode: number, whose: Whose = isOurs): number[] {
  return processesIn(inode, 'dumpcap', whose)
}

/** The same of processes of a name. */
export function processesIn(inode: number, name: string, whose: Whose = isOurs): number[] {
  return [...processes().keys()].filter(pid => {
    try {
      const command = readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
      return command === name && readlinkSync(`/proc/${pid}/ns/net`) === `net:[${inode}]` && whose(pid)
    } catch {
      return false
    }
  })
}

/** Fails unless no dumpcap is left in a namespace within five seconds. */
export async function expectNoDumpcap(inode: number, whose: Whose = isOurs): Promise<void> {
  await until(`no dumpcap is left in netns ${inode}`, () => dumpcapsIn(inode, whose).length === 0, 5_000)
}

/** Open descriptors of a process. */
export function descriptorCount(pid: number | 'self' = 'self'): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** System calls in which a thread waits for packets: pselect6 in dumpcap, poll or ppoll in tcpdump. */
const waitingCalls = process.arch === 'arm64' ? ['72', '73'] : ['7', '270', '271']

/** Whether a program reads from every packet socket it has opened: its interfaces are open and its filters are set. */
function isReading(pid: number): boolean {
  const read = (path: string) => readFileSync(`/proc/${pid}/${path}`, 'latin1')
  try {
    const descriptors = readdirSync(`/proc/${pid}/fd`).map(name => readlinkSync(`/proc/${pid}/fd/${name}`))
    const inodes = read('net/packet')
      .split('\n')
      .map(line => line.trim().split(/\s+/).at(-1))
    const sockets = inodes.filter(inode => descriptors.includes(`socket:[${inode}]`)).length
    const threads = readdirSync(`/proc/${pid}/task`).map(thread => read(`task/${thread}/syscall`).split(' ')[0] ?? '')
    return sockets > 0 && threads.filter(call => waitingCalls.includes(call)).length >= sockets
  } catch {
    return false // It has ended.
  }
}

/** Waits until so many dumpcaps, or programs of another name, read packets in a network namespace. */
export async function untilReading(inode: number, { count = 1, program = 'dumpcap' } = {}): Promise<void> {
  const reading = () => processesIn(inode, program).filter(isReading)
  await until(`${count} ${program} read packets in netns ${inode}`, () => reading().length >= count, 30_000)
}
