/**
 * All processes of a moment, from one pass over /proc: three small reads each. Kernel threads are left out, since they
 * live in the host's namespaces and own nothing.
 */
import { inPieces } from '../../base/pieces.ts'
import { listProcesses, readNamespaceInode, readStat } from './proc.ts'

/** A process at the moment of the look. */
export interface ProcessEntry {
  readonly pid: number
  /** Number of the parent process. */
  readonly parent: number
  /** Clock ticks since boot. */
  readonly startTime: number
  /** Command name, at most 15 bytes. */
  readonly command: string
  /** Inode of its network namespace; undefined when this user may not see it. */
  readonly netns: number | undefined
  /** Inode of its mount namespace. */
  readonly mountns: number | undefined
}

const kthreadd = 2

/** Processes in the order of their numbers, read in pieces: ten thousand take half a second. */
export function scanProcesses(signal?: AbortSignal, proc = '/proc'): Promise<ProcessEntry[]> {
  return scanEach(pid => readProcess(pid, proc), signal, proc)
}

/** What a reader tells of each process, in the order of their numbers; a process of which it tells nothing is left out. */
export async function scanEach<P>(
  read: (pid: number) => P | undefined,
  signal?: AbortSignal,
  proc = '/proc',
): Promise<P[]> {
  const found = await inPieces(listProcesses(proc), read, signal)
  return found.filter(process => process !== undefined)
}

/** One process; undefined when there is none, or it is a thread of the kernel. */
export function readProcess(pid: number, proc = '/proc'): ProcessEntry | undefined {
  const stat = readStat(pid, proc)
  if (stat === undefined || pid === kthreadd || stat.parent === kthreadd) return undefined
  return {
    pid,
    ...stat,
    netns: readNamespaceInode(pid, 'net', proc),
    mountns: readNamespaceInode(pid, 'mnt', proc),
  }
}

/** The eldest process for each value of a property; processes without one are left out. */
export function eldestBy<P extends Pick<ProcessEntry, 'startTime'>, K>(
  processes: readonly P[],
  property: (process: P) => K | undefined,
): Map<K, P> {
  const eldest = new Map<K, P>()
  for (const process of processes) {
    const key = property(process)
    if (key === undefined) continue
    const known = eldest.get(key)
    if (known === undefined || process.startTime < known.startTime) eldest.set(key, process)
  }
  return eldest
}
