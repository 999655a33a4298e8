/**
 * Who a process is to the kernel (credentials(7), user_namespaces(7), proc_pid_status(5)), and which files it may read.
 * What remora reads on behalf of a process, it reads only where the process could have read it itself.
 */
import { endianness } from 'node:os'
import { capabilities, readInto, readNamespaceInode, readText } from './proc.ts'

/** Consecutive user or group ids, as this process numbers them. */
export interface IdRange {
  readonly first: number
  readonly count: number
}

/** User, groups and capabilities of a process. Ids are numbered as this process sees them. */
export interface Credentials {
  /** Real, effective, saved and file system user ids, each once. */
  readonly users: readonly number[]
  /** The same of the group ids. */
  readonly groups: readonly number[]
  /** Supplementary groups. */
  readonly supplementary: readonly number[]
  /** Effective capabilities, which count within its user namespace. */
  readonly capabilities: bigint
  /** Inode of its user namespace; undefined when this user may not see it. */
  readonly userns: number | undefined
  /** Users that exist in its user namespace. */
  readonly knownUsers: readonly IdRange[]
  readonly knownGroups: readonly IdRange[]
}

/** Credentials of a process; undefined when it has ended. */
export function readCredentials(pid: number | 'self', proc = '/proc'): Credentials | undefined {
  const status = readText(`${proc}/${pid}/status`)
  if (status === undefined) return undefined
  const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1]
  const numbers = (name: string) => [...new Set((field(name) ?? '').split(/\s+/).filter(Boolean).map(Number))]
  const [users, groups] = [numbers('Uid'), numbers('Gid')]
  if (users.length === 0 || groups.length === 0) return undefined
  return {
    users,
    groups,
    supplementary: numbers('Groups'),
    capabilities: BigInt(`0x${/^[0-9a-f]+$/.exec(field('CapEff') ?? '')?.[0] ?? 0}`),
    userns: readNamespaceInode(pid, 'user', proc),
    knownUsers: parseIdMap(readText(`${proc}/${pid}/uid_map`) ?? ''),
    knownGroups: parseIdMap(readText(`${proc}/${pid}/gid_map`) ?? ''),
  }
}

/** The ids outside of a user namespace that it maps: lines of `inside outside count` (user_namespaces(7)). */
export function parseIdMap(map: string): IdRange[] {
  return map.split('\n').flatMap(line => {
    const [, first, count] = /^\s*\d+\s+(\d+)\s+(\d+)\s*$/.exec(line) ?? []
    return first === undefined ? [] : [{ first: Number(first), count: Number(count) }]
  })
}

/** Whether all ids of some ranges are among those of others. */
export function areAmong(ranges: readonly IdRange[], others: readonly IdRange[]): boolean {
  return ranges.every(({ first, count }) =>
    others.some(other => other.first <= first && first + count <= other.first + other.count),
  )
}

/** Whether a process has an effective capability, within its user namespace. */
export function isCapable(process: Credentials, capability: keyof typeof capabilities): boolean {
  return ((process.capabilities >> BigInt(capabilities[capability])) & 1n) === 1n
}

/** AT_SECURE of linux/auxvec.h. */
const atSecure = 23

/**
 * Whether a process runs with more rights than those of whoever started it (getauxval(3), AT_SECURE). The auxiliary vector
 * is one of pairs of words, of 64 or of 32 bits as the program has them.
 */
export function isSecureExecution(pid: number, proc = '/proc'): boolean {
  const vector = readInto(Buffer.alloc(4_096), `${proc}/${pid}/auxv`)
  if (vector === undefined) return false
  const big = endianness() === 'BE'
  for (const size of [8, 4]) {
    const word = (at: number) => {
      if (size === 4) return big ? vector.readUInt32BE(at) : vector.readUInt32LE(at)
      return Number(big ? vector.readBigUInt64BE(at) : vector.readBigUInt64LE(at))
    }
    for (let at = 0; at + 2 * size <= vector.length; at += 2 * size)
      if (word(at) === atSecure) return word(at + size) !== 0
  }
  return false
}

/** What the permissions of a file depend on, as stat(2) tells it. */
export interface Permissions {
  readonly uid: number
  readonly gid: number
  readonly mode: number
}

/** Whether a process may certainly read a file, by its owner and mode, or by a capability. */
export function mayRead(process: Credentials, file: Permissions): boolean {
  return mayDo(process, file, 4)
}

/** Whether a process may certainly look up names in a folder. */
export function maySearch(process: Credentials, folder: Permissions): boolean {
  return mayDo(process, folder, 1)
}

/**
 * The rule of path_resolution(7), as far as it holds whatever access control list there is (acl(5)), which nothing shows here: what
 * the owner may do is in the mode. With a list the bits of the group are its mask, the most that anybody named there may do,
 * so a group has a right for certain only where everybody has it too. A process with several ids was started by one user
 * with the rights of another (set-user-ID), so each id must have the right, and its capabilities count for nothing.
 */
function mayDo(process: Credentials, { uid, gid, mode }: Permissions, right: number): boolean {
  const hasRight = (user: number) => ((user === uid ? mode >> 6 : (mode >> 3) & mode) & right) !== 0
  if (process.users.every(hasRight)) return true
  return (
    process.users.length === 1 &&
    process.groups.length === 1 &&
    (isCapable(process, 'dacOverride') || isCapable(process, 'dacReadSearch')) &&
    areAmong([{ first: uid, count: 1 }], process.knownUsers) &&
    areAmong([{ first: gid, count: 1 }], process.knownGroups)
  )
}
