/**
 * Process numbers of another PID namespace (pid_namespaces(7)): an engine in a container tells numbers of its own.
 */
import { listProcesses, readNamespaceInode, readNestedPids, readStat } from './proc.ts'

/**
 * The process that has a number in the PID namespace of another one.
 * @param pid number as `viewer` sees it
 * @param viewer process in that namespace, by our number
 * @returns our number for it; undefined when there is none
 */
export function translatePid(pid: number, viewer: number, proc = '/proc'): number | undefined {
  const namespace = readNamespaceInode(viewer, 'pid', proc)
  if (namespace === undefined || namespace === readNamespaceInode('self', 'pid', proc)) return pid
  const level = readNestedPids(viewer, proc).length - 1
  return listProcesses(proc).find(
    candidate => readNestedPids(candidate, proc)[level] === pid && isBelow(candidate, namespace, proc),
  )
}

/** Whether a process or one of its ancestors lives in a PID namespace. */
function isBelow(pid: number, namespace: number, proc: string): boolean {
  for (let current: number | undefined = pid; current !== undefined && current > 0; ) {
    if (readNamespaceInode(current, 'pid', proc) === namespace) return true
    current = readStat(current, proc)?.parent
  }
  return false
}
