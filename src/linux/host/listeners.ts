/**
 * Unix sockets that a process listens on: the table of its network namespace (/proc/PID/net/unix, unix(7)) tells which
 * sockets listen and where, its descriptors which of them are its own. A path is meant as the process sees it, so one with
 * another root is given through /proc/PID/root.
 */
import { resolveInRoot } from '../namespace/file-in-root.ts'
import { listDescriptors, readLink, readNamespaceInode, readStart } from '../process/proc.ts'

/** Bytes of the table of sockets that are read: some 40,000 sockets. */
const longestTable = 4 * 1024 * 1024

/**
 * Paths of the stream sockets a process listens on, as they can be reached from here.
 * @param most how many are looked for; the process may have any number
 */
export function listeningSockets(pid: number, most: number, proc = '/proc'): string[] {
  const listening = parseListening(readStart(`${proc}/${pid}/net/unix`, longestTable) ?? '')
  if (listening.size === 0) return []
  const paths = ownInodes(pid, listening, most, proc).flatMap(inode => listening.get(inode) ?? [])
  // Where both see the same files, the plain path is one that outlives the process.
  if (sharesRoot(pid, proc)) return paths
  return paths.flatMap(path => resolveInRoot(`${proc}/${pid}/root`, path) ?? [])
}

/**
 * Listening stream sockets by inode: columns are kernel address, reference count, protocol, flags, type, state, inode and
 * path; the flag is __SO_ACCEPTCON, the type SOCK_STREAM (net/unix/af_unix.c, unix_seq_show).
 */
export function parseListening(table: string): Map<number, string> {
  const found = new Map<number, string>()
  for (const line of table.split('\n')) {
    const [, flags, type, inode, path] = /^\S+ \S+ \S+ (\S+) (\S+) \S+ +(\d+) (\/.*)$/.exec(line) ?? []
    if (path !== undefined && type === '0001' && (Number.parseInt(flags ?? '', 16) & 0x10000) !== 0)
      found.set(Number(inode), path)
  }
  return found
}

/** Both links are told from our own root; asking the roots themselves might take for ever. */
function sharesRoot(pid: number, proc: string): boolean {
  const sameMounts = readNamespaceInode(pid, 'mnt', proc) === readNamespaceInode('self', 'mnt', proc)
  return sameMounts && readLink(`${proc}/${pid}/root`) === '/'
}

/** A server opens its sockets together, and early; an engine with many containers has thousands of descriptors behind them. */
const mostBehind = 128
const mostDescriptors = 4_096

/** Those of the sockets that a process has open, in the order of its descriptors. */
function ownInodes(pid: number, listening: ReadonlyMap<number, string>, most: number, proc: string): number[] {
  const found: number[] = []
  let behind = 0
  for (const fd of listDescriptors(pid, proc).slice(0, mostDescriptors)) {
    if (found.length === most) break
    const inode = socketInode(`${proc}/${pid}/fd/${fd}`)
    if (inode !== undefined && listening.has(inode)) {
      found.push(inode)
      behind = 0
    } else if (found.length > 0 && ++behind > mostBehind) break
  }
  return found
}

function socketInode(path: string): number | undefined {
  const [, inode] = /^socket:\[(\d+)\]$/.exec(readLink(path) ?? '') ?? []
  return inode === undefined ? undefined : Number(inode)
}
