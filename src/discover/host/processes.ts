/**
 * Network namespaces by the processes that live in them, from /proc alone. Of several processes in one namespace the
 * eldest speaks for it.
 */
import { isOwnCapture } from '../../linux/capturing/orphans.ts'
import { eldestBy, type ProcessEntry, readProcessTable } from '../../linux/process/table.ts'

/** A process that speaks for a network namespace. */
export interface Tenant extends ProcessEntry {
  readonly netns: number
}

/** One process for every network namespace that any visible process lives in, in the order of their numbers. */
export function listTenants(table: readonly ProcessEntry[] = readProcessTable()): Tenant[] {
  return [...eldestBy(table.filter(hasNamespace), ({ netns }) => netns).values()]
    .filter(hasNamespace)
    .sort((a, b) => a.pid - b.pid)
}

/** Whether a process is at home in its namespace: a capture of a remora only visits one, and makes no target of it. */
export function isAtHome(process: Pick<ProcessEntry, 'pid' | 'parent' | 'command'>): boolean {
  return !isOwnCapture(process)
}

/** Processes of a command name, one for each namespace but the excluded one. */
export function findCommand(
  command: string,
  excluded: number | undefined,
  table: readonly ProcessEntry[] = readProcessTable(),
): Tenant[] {
  return listTenants(table.filter(process => process.command === command && process.netns !== excluded))
}

function hasNamespace(process: ProcessEntry): process is Tenant {
  return process.netns !== undefined
}
