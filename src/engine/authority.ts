/**
 * Which processes an engine may speak for. Anybody can listen on a socket as an engine does, and tell of any process under
 * any name, so an engine is believed only as far as the process behind its socket reaches: root of this host over all of it,
 * root of a container over the processes in its PID namespace, a plain user over his own processes and those of his user
 * namespaces (user_namespaces(7), pid_namespaces(7)).
 */
import { geteuid } from 'node:process'
import { readSubordinateIds } from '../linux/process/account.ts'
import { areAmong, type Credentials, type IdRange, isCapable, readCredentials } from '../linux/process/credentials.ts'
import { readNamespaceInode, readNestedPids, readStat } from '../linux/process/proc.ts'

/** How far the process behind a socket reaches. */
export interface Authority {
  readonly uid: number
  /** It is root in the user namespace that remora runs in: it may speak for processes of any user. */
  readonly root: boolean
  /** Inode of the PID namespace that its processes are in or below; undefined for the one remora runs in. */
  readonly pidns?: number
  /** Inode of its user namespace, where that is another than remora's. */
  readonly userns?: number
  /** Users that its user namespaces may consist of. */
  readonly users: readonly IdRange[]
}

/** What decides on who may speak for a process. */
export interface Subject {
  /** Its real, effective, saved and file system user ids, each once. */
  readonly uids: readonly number[]
  /** Inode of its user namespace, and the users in it; absent for the one remora runs in. */
  readonly userns?: { readonly inode: number | undefined; readonly users: readonly IdRange[] }
  /** Inodes of its PID namespace and of those around it. */
  readonly pidns: readonly number[]
}

/** Root of the host that remora sees. */
export const hostAuthority: Authority = { uid: 0, root: true, users: [] }

/** Whether an engine of some authority may speak for a process. */
export function mayClaim(authority: Authority, { uids, userns, pidns }: Subject): boolean {
  if (authority.pidns !== undefined && !pidns.includes(authority.pidns)) return false
  if (authority.root) return true
  if (userns === undefined) return authority.uid !== 0 && uids.every(uid => uid === authority.uid)
  if (authority.userns !== undefined && userns.inode === authority.userns) return true
  return userns.users.length > 0 && areAmong(userns.users, authority.users)
}

/** Whether an engine of some authority may speak for the process that has a number now. */
export function maySpeakFor(authority: Authority, pid: number, proc = '/proc'): boolean {
  if (authority.root && authority.pidns === undefined) return true
  const subject = readSubject(pid, proc)
  return subject !== undefined && mayClaim(authority, subject)
}

/**
 * Whether what an engine tells counts as much as what anybody on this host tells: it is root of the host, or it is the
 * caller's own. A name that another engine has too makes no name of such a one ambiguous.
 */
export function isOfHost({ uid, root, pidns }: Authority, caller: number | undefined = geteuid?.()): boolean {
  return pidns === undefined && (root || (uid !== 0 && uid === caller))
}

/** The authority of a user over processes of his, by what the machine gives him. */
export function userAuthority(uid: number): Authority {
  return uid === 0 ? hostAuthority : { uid, root: false, users: [{ first: uid, count: 1 }, ...readSubordinateIds(uid)] }
}

/** The authority of a process; undefined when it has ended. */
export function processAuthority(pid: number, proc = '/proc'): Authority | undefined {
  const process = readCredentials(pid, proc)
  if (process === undefined) return undefined
  const { users } = process
  const [uid = 0] = users
  const pidns = foreignPidNamespace(pid, proc)
  if (!isOwnUserNamespace(process, proc)) {
    const { userns, knownUsers } = process
    const place = { ...(pidns !== undefined && { pidns }), ...(userns !== undefined && { userns }) }
    return { uid, root: false, ...place, users: knownUsers }
  }
  // Root of a container that shares the host's processes has no more power over them than its capabilities give it.
  const root = uid === 0 && users.length === 1 && (pidns !== undefined || isCapable(process, 'sysAdmin'))
  const of = root || uid === 0 ? { uid, root, users: [] } : userAuthority(uid)
  return pidns === undefined ? of : { ...of, pidns }
}

/** What decides on who may speak for a process; undefined when it has ended. */
function readSubject(pid: number, proc = '/proc'): Subject | undefined {
  const process = readCredentials(pid, proc)
  if (process === undefined) return undefined
  const { users: uids, userns: inode, knownUsers: users } = process
  const pidns = pidNamespacesOf(pid, proc)
  return isOwnUserNamespace(process, proc) ? { uids, pidns } : { uids, pidns, userns: { inode, users } }
}

/** A namespace that may not be seen is told by the ids in it. */
function isOwnUserNamespace({ userns, knownUsers }: Credentials, proc: string): boolean {
  if (userns !== undefined) return userns === readNamespaceInode('self', 'user', proc)
  const own = readCredentials('self', proc)?.knownUsers ?? []
  return areAmong(own, knownUsers) && areAmong(knownUsers, own)
}

/** No namespace has this inode. */
const unknownNamespace = -1

function foreignPidNamespace(pid: number, proc: string): number | undefined {
  const inode = readNamespaceInode(pid, 'pid', proc)
  if (inode !== undefined) return inode === readNamespaceInode('self', 'pid', proc) ? undefined : inode
  const isDeeper = readNestedPids(pid, proc).length > readNestedPids('self', proc).length
  return isDeeper ? unknownNamespace : undefined
}

/** A PID namespace around another is that of an ancestor. */
function pidNamespacesOf(pid: number, proc: string): number[] {
  const found = new Set<number>()
  const passed = new Set<number>()
  for (let at = pid; at > 0 && !passed.has(at); at = readStat(at, proc)?.parent ?? 0) {
    const inode = readNamespaceInode(at, 'pid', proc)
    if (inode !== undefined) found.add(inode)
    passed.add(at)
  }
  return [...found]
}
