/**
 * Network namespaces kept alive by a bind mount (proc_pid_mountinfo(5)): `ip netns add`, Docker's sandboxes, CNI.
 */
import { inPieces } from '../../base/pieces.ts'
import { readNamespaceInode, readText } from '../process/proc.ts'
import { eldestBy, type ProcessEntry } from '../process/table.ts'

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
    foreignMounts(readText(`${proc}/${pid}/mountinfo`) ?? '').map(({ path, inode }) => ({
      path: `${proc}/${pid}/root${path}`,
      inode,
      pid,
      inside: path,
    }))
  return (await inPieces(viewers.values(), seenBy, signal)).flat()
}

/** Mounts that can be reached without asking a file system that may not answer. */
function foreignMounts(mountinfo: string): NamespaceMount[] {
  const mounts = parseNamespaceMounts(mountinfo)
  const blocked = mounts.length === 0 ? new Set<string>() : remoteMounts(mountinfo)
  return mounts.filter(({ path }) => !isBelow(path, blocked))
}

/** Whether a path, or a folder on the way to it, is one of the places. */
export function isBelow(path: string, places: ReadonlySet<string>): boolean {
  if (places.has('/')) return true
  const folders = path.split('/')
  return folders.some((_, index) => places.has(folders.slice(0, index + 1).join('/')))
}

/** Picks the nsfs mounts of network namespaces out of mountinfo that a path leads to: another mount may hide them. */
export function parseNamespaceMounts(mountinfo: string): NamespaceMount[] {
  if (!mountinfo.includes('net:[')) return []
  const mounts = mountinfo.split('\n').flatMap(line => parseMount(line) ?? [])
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

interface Mount {
  readonly id: string
  readonly parent: string
  /** What of its file system is mounted. */
  readonly root: string
  /** Where. */
  readonly place: string
  readonly type: string
}

function parseMount(line: string): Mount | undefined {
  const fields = line.split(' ')
  const [id, parent, , root, place] = fields
  if (id === undefined || parent === undefined || root === undefined || place === undefined) return undefined
  return { id, parent, root, place: unescapeOctal(place), type: fields[fields.indexOf('-') + 1] ?? '' }
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

/** Types of file systems that may not answer (fuse(4), autofs(5), nfs(5)). */
const remote = /^(?:fuse|autofs|nfs|cifs|smb|ceph|afs|9p)/

/** Mount points of file systems that may not answer, served by a process or by another machine. */
export function remoteMounts(mountinfo: string): Set<string> {
  return new Set(
    mountinfo.split('\n').flatMap(line => {
      const fields = line.split(' ')
      const [place, type] = [fields[4], fields[fields.indexOf('-') + 1]]
      return place !== undefined && type !== undefined && remote.test(type) ? [unescapeOctal(place)] : []
    }),
  )
}

/** Numbers of all other mounts, as proc_pid_fdinfo(5) tells them of a descriptor. */
export function answeringMounts(mountinfo: string): Set<number> {
  return new Set(
    mountinfo.split('\n').flatMap(line => {
      const fields = line.split(' ')
      return remote.test(fields[fields.indexOf('-') + 1] ?? '') ? [] : [Number(fields[0])]
    }),
  )
}

/** The kernel writes blank, tab, newline and backslash as three octal digits. */
function unescapeOctal(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
