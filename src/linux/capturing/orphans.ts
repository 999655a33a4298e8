/**
 * Captures that outlived the remora that started them: possible only in the instant between a start and its death
 * signal. Each carries its owner in its environment; whose owner is gone is ended at the next opportunity.
 */
import { geteuid, kill } from 'node:process'
import { type Credentials, isCapable, readCredentials } from '../process/credentials.ts'
import { isOrphan, parseOwner, readOwner } from '../process/owner.ts'
import { listProcesses, readCommand, readNamespaceInode, readNestedPids, readStartTime } from '../process/proc.ts'

/** Command names of the programs that capture for remora. */
const capturePrograms: ReadonlySet<string | undefined> = new Set(['dumpcap', 'tcpdump'])

/**
 * Whether a process captures for a remora, and only visits the namespace it is in. Anybody may call a process so, and copy a
 * mark: it counts where it names the parent of the process, and that is one of root, of this user, or of a service with
 * root's rights over namespaces.
 */
export function isOwnCapture(
  { pid, parent, command }: { readonly pid: number; readonly parent: number; readonly command: string },
  proc = '/proc',
): boolean {
  if (!capturePrograms.has(command)) return false
  const owner = parseOwner(readOwner(pid, proc))
  if (owner === undefined || !isTrusted(readCredentials(parent, proc), proc)) return false
  return readNestedPids(parent, proc).includes(owner.pid) && readStartTime(parent, proc) === owner.startTime
}

function isTrusted(owner: Credentials | undefined, proc: string): boolean {
  if (owner === undefined) return false
  if (owner.users.every(user => user === 0 || user === geteuid?.())) return true
  return isCapable(owner, 'sysAdmin') && owner.userns === readNamespaceInode('self', 'user', proc)
}

/** Numbers of captures whose owner no longer lives; those of a remora in another PID namespace are none of ours. */
export function findOrphans(proc = '/proc'): number[] {
  return listProcesses(proc).filter(
    pid => capturePrograms.has(readCommand(pid, proc)) && isOrphan(readOwner(pid, proc), proc),
  )
}

/** Ends orphaned captures, as far as this user may; returns their process numbers. */
export function endOrphans(): number[] {
  return findOrphans().filter(pid => {
    try {
      return kill(pid, 'SIGKILL')
    } catch {
      return false
    }
  })
}
