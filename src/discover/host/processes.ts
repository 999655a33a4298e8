/**
 * Network namespaces by the processes that live in them, from /proc alone. Of several processes in one namespace the
 * eldest speaks for it.
 */

import { type ContainedProcess, readContained } from '../../engine/processes.ts'
import { isOwnCapture } from '../../linux/capturing/orphans.ts'
import { eldestBy, type ProcessEntry } from '../../linux/process/table.ts'

/** A process that speaks for a network namespace. */
export type Tenant<P extends ProcessEntry = ContainedProcess> = P & { readonly netns: number }

/** One process for every network namespace that any visible process lives in, in the order of their numbers. */
export function listTenants<P extends ProcessEntry>(table: readonly P[]): Tenant<P>[] {
  return [...eldestBy(table.filter(hasNamespace<P>), ({ netns }) => netns).values()].sort((a, b) => a.pid - b.pid)
}

/** Whether a process is at home in its namespace: a capture of a remora only visits one, and makes no target of it. */
export function isAtHome(process: Pick<ContainedProcess, 'pid' | 'parent' | 'command'>): boolean {
  return !isOwnCapture(process)
}

/** Processes of a command name, one for each namespace but the excluded one. */
export function findCommand(command: string, excluded: number | undefined): Tenant[] {
  return listTenants(readContained().filter(process => process.command === command && process.netns !== excluded))
}

function hasNamespace<P extends ProcessEntry>(process: P): process is Tenant<P> {
  return process.netns !== undefined
}
