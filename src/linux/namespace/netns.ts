/**
 * Network namespaces by descriptor: open, check, then use that same descriptor (namespaces(7)). Whatever happens to the
 * process or the path in between, the checked namespace is the one that is entered.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, statfsSync, statSync } from 'node:fs'
import { RemoraError, reasonOf, systemCode } from '../../base/errors.ts'
import {
  hasCapability,
  hasEnded,
  isCertain,
  isHidden,
  namespaceInode,
  readInode,
  readLink,
  readNamespaceInode,
  readStartTime,
} from '../process/proc.ts'
import { atPlace, isForeign, O_PATH } from './file-in-root.ts'

/** A network namespace that is open. */
export interface NetworkNamespace {
  readonly fd: number
  /** Inode of its nsfs file: what tells it from any other while it exists. */
  readonly inode: number
  /** Where it was opened; a name for people and for the check whether it is still there. */
  readonly path: string
  /** Process it was opened through. */
  readonly process?: ProcessIdentity
  /** Descriptor of the user namespace to enter first, for a caller without privileges of its own. */
  readonly userFd?: number
  /** It is the caller's own namespace: nothing needs to be entered. */
  readonly own: boolean
  /** Releases the descriptors; the owner calls it once. */
  close(): void
}

/** A process that cannot be mistaken for a later one of the same number. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks since boot. */
  readonly startTime: number
}

/**
 * Opens the network namespace of a process and checks that the process is the one meant.
 * @param expected start time and inode known from before; what differs is a different process or namespace
 * @throws RemoraError TARGET_NOT_FOUND, TARGET_STALE or FORBIDDEN
 */
export function openProcessNamespace(
  pid: number,
  expected: { startTime?: number | undefined; inode?: number | undefined } = {},
  proc = '/proc',
): NetworkNamespace {
  const startTime = readStartTime(pid, proc)
  if (startTime === undefined) {
    if (isHidden(pid, proc)) throw forbidden(`${proc}/${pid}`, undefined)
    throw notThere(`there is no process ${pid}`)
  }
  if (expected.startTime !== undefined && expected.startTime !== startTime) {
    throw stale(`process ${pid} started at ${startTime}, not at ${expected.startTime}: its number has been reused`)
  }
  const namespace = openNamespaceFile(`${proc}/${pid}/ns/net`, expected.inode, { pid, startTime })
  if (readStartTime(pid, proc) === startTime) return namespace
  namespace.close()
  throw stale(`process ${pid} ended while its network namespace was opened`)
}

/**
 * Opens a network namespace by a path: a bind mount, or a link in /proc.
 * @throws RemoraError TARGET_NOT_FOUND, TARGET_STALE, FORBIDDEN, or USAGE when the file is something else
 */
export function openNamespaceFile(path: string, expectedInode?: number, process?: ProcessIdentity): NetworkNamespace {
  const fd = openChecked(path)
  try {
    if (!isNetworkNamespace(fd)) {
      // An empty file is where a namespace will be mounted in a moment, or is mounted for others (ip-netns(8)).
      if (fstatSync(fd).size > 0 || isNamespace(fd)) throw noNamespace(path)
      throw new RemoraError('TARGET_NOT_FOUND', `no network namespace is mounted at ${path}`, {
        hint: 'A namespace that was mounted in another mount namespace looks like an empty file; use pid:NUMBER instead.',
      })
    }
    const inode = fstatSync(fd).ino
    if (expectedInode !== undefined && inode !== expectedInode) {
      throw stale(`${path} is network namespace ${inode}, not ${expectedInode}`)
    }
    const own = inode === readNamespaceInode('self', 'net')
    const userFd = own ? undefined : openForeignUserNamespace(process)
    return {
      fd,
      inode,
      path,
      own,
      ...(process && { process }),
      ...(userFd !== undefined && { userFd }),
      close() {
        closeSync(fd)
        if (userFd !== undefined) closeSync(userFd)
      },
    }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/**
 * Opens a namespace once more, for somebody else to close.
 * @throws RemoraError TARGET_NOT_FOUND or TARGET_STALE when it is not there any more
 */
export function reopenNamespace({ process, path, inode }: NetworkNamespace): NetworkNamespace {
  return process === undefined
    ? openNamespaceFile(path, inode)
    : openProcessNamespace(process.pid, { startTime: process.startTime, inode })
}

/**
 * Opens a namespace that may have gone since it was listed.
 * @param open as {@link openProcessNamespace} or {@link openNamespaceFile} do
 * @returns undefined when it has gone
 */
export function openIfThere(open: () => NetworkNamespace): NetworkNamespace | undefined {
  try {
    return open()
  } catch (error) {
    if (hasGone(error)) return undefined
    throw error
  }
}

/** Whether a namespace could not be opened since what was listed has come to its end, which is no fault. */
export function hasGone(error: unknown): boolean {
  return error instanceof RemoraError && (error.code === 'TARGET_NOT_FOUND' || error.code === 'TARGET_STALE')
}

/** Whether the target still is what it was when it was opened: the same process, or the same mount. */
export function isStillThere({ process, path, inode }: NetworkNamespace): boolean {
  return process === undefined ? !isCertain(() => inodeAt(path) !== inode) : !hasEnded(process)
}

function inodeAt(path: string): number | undefined {
  if (isLink.test(path)) return namespaceInode(readLink(path) ?? '', 'net')
  return isForeign(path) ? atPlace(path, readInode) : readInode(path)
}

/** NSFS_MAGIC of linux/magic.h. */
const nsfsMagic = 0x6e736673

/** A link of /proc tells the kind of a namespace; a bind mount shows its path instead, and nsenter refuses a wrong kind. */
function isNetworkNamespace(fd: number): boolean {
  if (!isNamespace(fd)) return false
  const link = readlinkSync(`/proc/self/fd/${fd}`)
  return !/^\w+:\[\d+\]$/.test(link) || namespaceInode(link, 'net') !== undefined
}

function isNamespace(fd: number): boolean {
  return statfsSync(`/proc/self/fd/${fd}`).type === nsfsMagic
}

/** Links of /proc that lead to a namespace, or may. */
const isLink = /^\/proc\/\d+\/(?:task\/\d+\/)?(?:ns\/net|fd\/\d+)$/

/** Opens a namespace by a link of /proc. What the link leads to is not asked unless it is one: it may never answer. */
function openLink(path: string): number {
  const place = openSync(path, O_PATH)
  try {
    const name = `/proc/self/fd/${place}`
    if (namespaceInode(readlinkSync(name), 'net') === undefined) throw noNamespace(path)
    return openSync(name, constants.O_RDONLY)
  } finally {
    closeSync(place)
  }
}

/** Opens a namespace, and nothing that something happens to when it is opened. */
function openFile(place: string, path: string): number {
  if (!statSync(place).isFile()) throw noNamespace(path)
  return openSync(place, constants.O_RDONLY | constants.O_NONBLOCK)
}

function openChecked(path: string): number {
  try {
    if (isLink.test(path)) return openLink(path)
    const fd = isForeign(path) ? atPlace(path, place => openFile(place, path)) : openFile(path, path)
    if (fd === undefined) throw notThere(`there is no network namespace at ${path}`)
    return fd
  } catch (error) {
    if (error instanceof RemoraError) throw error
    const code = systemCode(error) ?? ''
    if (code === 'EACCES' || code === 'EPERM') throw forbidden(path, error)
    if (['ENOENT', 'ESRCH', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP'].includes(code)) {
      throw notThere(`there is no network namespace at ${path}`, error)
    }
    throw new RemoraError('CAPTURE_FAILED', `cannot open ${path}: ${reasonOf(error)}`, {
      cause: error,
      hint: 'remora list shows every namespace that can be captured.',
    })
  }
}

/**
 * A plain user enters the user namespace that owns the target first, where that is one of his own (user_namespaces(7)).
 * Whoever may enter any namespace does not: as a user that is unknown in there he would lose his capabilities.
 */
function openForeignUserNamespace(target: ProcessIdentity | undefined): number | undefined {
  if (process.geteuid?.() === 0 || hasCapability('sysAdmin') || target === undefined) return undefined
  const inode = readNamespaceInode(target.pid, 'user')
  if (inode === undefined || inode === readNamespaceInode('self', 'user')) return undefined
  return openSync(`/proc/${target.pid}/ns/user`, constants.O_RDONLY)
}

const listHint = 'remora list --wide shows the processes and network namespaces that can be captured.'

function notThere(message: string, cause?: unknown): RemoraError {
  return new RemoraError('TARGET_NOT_FOUND', message, { cause, hint: listHint })
}

function noNamespace(path: string): RemoraError {
  return new RemoraError('USAGE', `${path} is not a network namespace`, { hint: listHint })
}

function stale(message: string): RemoraError {
  return new RemoraError('TARGET_STALE', message, {
    hint: 'List the targets again and choose the one that is there now.',
  })
}

function forbidden(path: string, cause: unknown): RemoraError {
  return new RemoraError('FORBIDDEN', `may not open ${path}`, {
    cause,
    hint: 'The target belongs to another user: run the same command as root, with sudo.',
  })
}
