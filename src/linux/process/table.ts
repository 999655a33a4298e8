/**
 * All processes of a moment, from one pass over /proc: three small reads each. Kernel threads are left out, since they
 * live in the host's namespaces and own nothing.
 */
import { inPieces } from '../../base/pieces.ts'
import { type CgroupContainer, readCgroupContainer } from './cgroup.ts'
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
  /** Container it runs in, by its control group. */
  readonly container: CgroupContainer | undefined
}

const kthreadd = 2

/** Processes in the order of their numbers. */
export function readProcessTable(proc = '/proc'): ProcessEntry[] {
  return listProcesses(proc).flatMap(pid => readProcess(pid, proc) ?? [])
}

/** Like {@link readProcessTable}, in pieces: ten thousand processes take half a second. */
export async function scanProcesses(signal?: AbortSignal, proc = '/proc'): Promise<ProcessEntry[]> {
  const found = await inPieces(listProcesses(proc), pid => readProcess(pid, proc), signal)
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
    container: readCgroupContainer(pid, proc),
  }
}

/** The eldest process for each value of a property; processes without one are left out. */
export function eldestBy<K>(
  processes: readonly ProcessEntry[],
  property: (process: ProcessEntry) => K | undefined,
): Map<K, ProcessEntry> {
  const eldest = new Map<K, ProcessEntry>()
  for (const process of processes) {
    const key = property(process)
    if (key === undefined) continue
    const known = eldest.get(key)
    if (known === undefined || process.startTime < known.startTime) eldest.set(key, process)
  }
  return eldest
}
