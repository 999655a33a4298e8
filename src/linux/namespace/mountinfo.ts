/**
 * Network namespaces kept alive by a bind mount (proc_pid_mountinfo(5)): `ip netns add`, Docker's sandboxes, CNI.
 */
import { inPieces } from '../../base/pieces.ts'
import { readNamespaceInode, readText } from '../process/proc.ts'
import { eldestBy, type ProcessEntry } from '../process/table.ts'
import { readMounts } from './answering.ts'
import { isBelow, type Mount, parseMounts } from './mount-lines.ts'

/** A network namespace that is mounted where this process sees it. */
export interface NamespaceMount {
  /** Where it can be opened. */
  readonly path: string
  /** Inode of the network namespace. */
  readonly inode: number
}

/** One that only processes of another mount namespace see. */
export interface ForeignMount extends NamespaceMount {
  /** Process through whose mount namespace it is seen. */
  readonly pid: number
  /** Where that process sees it. */
  readonly inside: string
}

/** Mounted network namespaces this process can see, in the order of their paths. */
export function listNamespaceMounts(proc = '/proc'): NamespaceMount[] {
  return parseNamespaceMounts(readText(`${proc}/self/mountinfo`) ?? '')
}

/** Network namespaces mounted in the mount namespaces of other processes, such as those of rootless engines. */
export async function listForeignMounts(
  processes: readonly ProcessEntry[],
  signal?: AbortSignal,
  proc = '/proc',
): Promise<ForeignMount[]> {
  const own = readNamespaceInode('self', 'mnt', proc)
  const viewers = eldestBy(processes, ({ mountns }) => (mountns === own ? undefined : mountns))
  const seenBy = ({ pid }: ProcessEntry) =>
    foreignMounts(`${proc}/${pid}`).map(({ path, inode }) => ({
      path: `${proc}/${pid}/root${path}`,
      inode,
      pid,
      inside: path,
    }))
  return (await inPieces(viewers.values(), seenBy, signal)).flat()
}

/** Mounts that can be reached without asking a file system that may not answer. */
function foreignMounts(process: string): NamespaceMount[] {
  const mounts = parseNamespaceMounts(readText(`${process}/mountinfo`) ?? '')
  if (mounts.length === 0) return []
  const { blocked } = readMounts(`${process}/root`)
  return mounts.filter(({ path }) => !isBelow(path, blocked))
}

/** Picks the nsfs mounts of network namespaces out of mountinfo that a path leads to: another mount may hide them. */
export function parseNamespaceMounts(mountinfo: string): NamespaceMount[] {
  if (!mountinfo.includes('net:[')) return []
  const mounts = parseMounts(mountinfo)
  const found = mounts.flatMap(({ id, root, place, type }) => {
    const [, inode] = /^net:\[(\d+)\]$/.exec(root) ?? []
    return type === 'nsfs' && inode !== undefined ? { id, path: place, inode: Number(inode) } : []
  })
  if (found.length === 0) return []
  const lookUp = mountLookup(mounts)
  return found
    .filter(({ id, path }) => lookUp(path) === id)
    .map(({ path, inode }) => ({ path, inode }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

/**
 * Finds the mount a path ends on, as the kernel does: folder by folder, and at each of them up through what is mounted there.
 * A mount whose parent is not listed, or itself as that of rootfs, lies on the root of the process.
 */
function mountLookup(mounts: readonly Mount[]): (path: string) => string {
  const listed = new Set(mounts.map(({ id }) => id))
  const below = ({ id, parent }: Mount) => (listed.has(parent) && parent !== id ? parent : '')
  const above = new Map(mounts.map(mount => [`${below(mount)} ${mount.place}`, mount.id]))
  return path => {
    const folders = path.split('/')
    let current = ''
    // No more steps than mounts, also where they were said to lie on one another in a circle.
    let steps = mounts.length
    for (let length = 1; length <= folders.length; length++) {
      const place = folders.slice(0, length).join('/') || '/'
      for (
        let next = above.get(`${current} ${place}`);
        next !== undefined && steps-- > 0;
        next = above.get(`${current} ${place}`)
      ) {
        current = next
      }
    }
    return current
  }
}
