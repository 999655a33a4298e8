/**
 * Network namespaces by the processes that live in them, from /proc alone. Of several processes in one namespace the
 * eldest speaks for it.
 */
import { listProcesses, readCommand, readNamespaceInode, readStartTime } from '../linux/proc.ts'

export interface Tenant {
  readonly inode: number
  readonly pid: number
  /** Clock ticks since boot. */
  readonly startTime: number
  readonly command: string
}

/** One process for every network namespace that any visible process lives in, in the order of their numbers. */
export function listTenants(proc = '/proc'): Tenant[] {
  const eldest = new Map<number, Tenant>()
  for (const tenant of allTenants(proc)) {
    const known = eldest.get(tenant.inode)
    if (known === undefined || tenant.startTime < known.startTime) eldest.set(tenant.inode, tenant)
  }
  return [...eldest.values()].sort((a, b) => a.pid - b.pid)
}

/** Processes of a command name, one for each namespace but the excluded one. */
export function findCommand(command: string, excludedInode: number | undefined, proc = '/proc'): Tenant[] {
  const found = new Map<number, Tenant>()
  for (const tenant of allTenants(proc)) {
    if (tenant.command === command && tenant.inode !== excludedInode && !found.has(tenant.inode))
      found.set(tenant.inode, tenant)
  }
  return [...found.values()]
}

function* allTenants(proc: string): Generator<Tenant> {
  for (const pid of listProcesses(proc)) {
    const inode = readNamespaceInode(pid, 'net', proc)
    const startTime = readStartTime(pid, proc)
    const command = readCommand(pid, proc)
    if (inode !== undefined && startTime !== undefined && command !== undefined)
      yield { inode, pid, startTime, command }
  }
}
