/**
 * Where the processes of network namespaces put their TLS keys: SSLKEYLOGFILE in the environment they were started with
 * (proc_pid_environ(5)), a path as they see it. All of it is theirs to choose: read in bounds, and followed only within
 * their own root.
 *
 * An environment is read anew on every pass. It is replaced by execve(2) under the same process number and start time,
 * right when an engine starts what a container is for, and what could tell costs as much to read.
 */
import { lookInRoot, type Place } from '../namespace/file-in-root.ts'
import type { ProcessIdentity } from '../namespace/netns.ts'
import { isSecureExecution, readCredentials } from '../process/credentials.ts'
import { claimLimit, listProcesses, readInto, readLink, readNamespaceInode, readStartTime } from '../process/proc.ts'

/** A file that a process was told to write its keys to. It may not be there yet, and may be anything. */
export interface KeylogPlace {
  /** The same for all processes that mean the same file by it. */
  readonly id: string
  /** Inode of the network namespace the process lives in. */
  readonly netns: number
  readonly process: ProcessIdentity
  /** Absolute path in the root of that process. */
  readonly path: string
}

const longestPath = 4_096
const variable = 'SSLKEYLOGFILE='

/**
 * Looks through the processes once, in steps, so that a machine with many can be looked through in pieces.
 * @param isWanted tells of the inode of a network namespace whether its processes are looked at; no other's are
 * @returns a place, or undefined, for each process
 */
export function* findKeylogs(
  isWanted: (netns: number) => boolean,
  proc = '/proc',
): Generator<KeylogPlace | undefined, void> {
  const buffer = Buffer.allocUnsafe(claimLimit)
  for (const pid of listProcesses(proc)) {
    const netns = readNamespaceInode(pid, 'net', proc)
    yield netns === undefined || !isWanted(netns) ? undefined : placeOf(pid, netns, buffer, proc)
  }
}

function placeOf(pid: number, netns: number, buffer: Buffer, proc: string): KeylogPlace | undefined {
  const value = readVariable(pid, buffer, proc)
  // Whoever ran a set-user-ID program chose its environment, and its libraries pass this over too (secure_getenv(3)).
  if (value === undefined || isSecureExecution(pid, proc)) return undefined
  const [startTime, mountns] = [readStartTime(pid, proc), readNamespaceInode(pid, 'mnt', proc)]
  const root = readLink(`${proc}/${pid}/root`)
  const folder = value.startsWith('/') ? '' : below(root, readLink(`${proc}/${pid}/cwd`))
  if (startTime === undefined || root === undefined || folder === undefined) return undefined
  const path = value.startsWith('/') ? value : `${folder}/${value}`
  return { id: JSON.stringify([mountns, root, path]), netns, process: { pid, startTime }, path }
}

/** Value of the variable as getenv(3) finds it: the first of that name. */
function readVariable(pid: number, buffer: Buffer, proc: string): string | undefined {
  const environment = readInto(buffer, `${proc}/${pid}/environ`) ?? Buffer.alloc(0)
  for (let at = 0; ; at += variable.length) {
    at = environment.indexOf(variable, at)
    if (at < 0) return undefined
    if (at > 0 && environment[at - 1] !== 0) continue
    const end = environment.indexOf(0, at)
    const value = environment.toString('utf8', at + variable.length, end < 0 ? at : end)
    return value === '' || value.length > longestPath ? undefined : value
  }
}

/**
 * A folder as seen from a root; undefined when it lies outside. Both links are told from our own root when the process
 * shares our mounts (chroot(2)), and from its own otherwise.
 */
function below(root: string | undefined, folder: string | undefined): string | undefined {
  if (folder === root) return ''
  const prefix = root === '/' ? '/' : `${root}/`
  return folder?.startsWith(prefix) ? folder.slice(prefix.length - 1) : undefined
}

/** Whether the process of a place is still the same one, in the same network namespace. */
export function isCurrent({ process: { pid, startTime }, netns }: KeylogPlace, proc = '/proc'): boolean {
  return readStartTime(pid, proc) === startTime && readNamespaceInode(pid, 'net', proc) === netns
}

/** Magic numbers of file systems that programs keep files on (statfs(2), linux/magic.h): a read does nothing but read. */
const storage = new Set([
  ...[0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0x2fc12fc1, 0xf2f52010, 0x858458f6, 0xca451a4e],
  ...[0x3153464a, 0x52654973, 0x4d44, 0x2011bab0, 0x7366746e],
])

/**
 * Looks at the file of a place within the root of its process.
 * @returns undefined when there is none that the process may read, or nothing that keys could be in: a device, a fifo, a file
 *   of /proc or /sys, one that another process or machine serves; or when the process is not the same any more
 */
export function lookAtKeylog<T>(place: KeylogPlace, look: (file: Place) => T, proc = '/proc'): T | undefined {
  const { pid } = place.process
  return lookInRoot(`${proc}/${pid}/root`, place.path, readCredentials(pid, proc), file => {
    // Asked while its root is held: a number used anew would lead into the files of somebody else.
    if (!isCurrent(place, proc) || !storage.has(file.fileSystem())) return undefined
    return look(file)
  })
}
