/**
 * Unix sockets that a process listens on: the table of its network namespace (/proc/PID/net/unix, unix(7)) tells which
 * sockets listen and where, its descriptors which of them are its own. A path is meant as the process sees it, so one with
 * another root is given through /proc/PID/root.
 */
import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { readNamespaceInode, readText } from './proc.ts'
import { resolveInRoot } from './root.ts'

/** Paths of the stream sockets a process listens on, as they can be reached from here. */
export function listeningSockets(pid: number, proc = '/proc'): string[] {
  const listening = parseListening(readText(`${proc}/${pid}/net/unix`) ?? '')
  if (listening.size === 0) return []
  const own = new Set(descriptorTargets(pid, proc))
  const paths = [...listening].flatMap(([inode, path]) => (own.has(`socket:[${inode}]`) ? path : []))
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

function sharesRoot(pid: number, proc: string): boolean {
  try {
    const [own, other] = [statSync('/'), statSync(`${proc}/${pid}/root/`)]
    const sameMounts = readNamespaceInode(pid, 'mnt', proc) === readNamespaceInode('self', 'mnt', proc)
    return sameMounts && own.dev === other.dev && own.ino === other.ino
  } catch {
    return false
  }
}

function descriptorTargets(pid: number, proc: string): string[] {
  try {
    return readdirSync(`${proc}/${pid}/fd`).flatMap(fd => {
      try {
        return [readlinkSync(`${proc}/${pid}/fd/${fd}`)]
      } catch {
        return []
      }
    })
  } catch {
    return []
  }
}
