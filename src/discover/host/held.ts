/** Network namespaces that no process lives in, and that no mount keeps: only a thread or a descriptor does. */

import type { ContainedProcess } from '../../engine/processes.ts'
import { findHolders, type NamespaceHolder } from '../../linux/namespace/holders.ts'
import { listProcesses, readCommand, readNamespaceInode } from '../../linux/process/proc.ts'
import { isAtHome } from './processes.ts'
import type { MountView } from './view.ts'

/** Finds them all, by looking through the threads and descriptors of all processes but this one and captures of a remora. */
export async function findHeld(
  table: readonly ContainedProcess[],
  { own, foreign }: MountView,
  signal: AbortSignal,
): Promise<NamespaceHolder[]> {
  const visitors = table.filter(entry => !isAtHome(entry)).map(({ pid }) => pid)
  const ignored = new Set([process.pid, ...visitors])
  const inhabited = new Set(table.filter(({ pid }) => !ignored.has(pid)).map(({ netns }) => netns))
  for (const { inode } of [...own, ...foreign]) inhabited.add(inode)
  const holders = await findHolders(inode => !inhabited.has(inode), signal, { ignored })
  if (holders.length === 0) return []
  // A process that has begun since the table was read lives in its namespace.
  const known = new Set(table.map(({ pid }) => pid))
  const later = listProcesses().filter(pid => !known.has(pid))
  const settled = new Set(later.map(pid => readNamespaceInode(pid, 'net')))
  return holders.filter(({ inode }) => !settled.has(inode))
}

/** Names a namespace by the process that keeps it. */
export function holderName({ pid }: NamespaceHolder): string {
  return `${readCommand(pid) ?? 'process'}(${pid})`
}
