/**
 * Network namespaces kept alive by a bind mount (proc_pid_mountinfo(5)): `ip netns add`, Docker's sandboxes, CNI.
 */
import { readNamespaceInode, readText } from './proc.ts'
import { eldestBy, type ProcessEntry } from './process-table.ts'

export interface NamespaceMount {
  /** Where it can be opened. */
  readonly path: string
  readonly inode: number
}

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
export function listForeignMounts(processes: readonly ProcessEntry[], proc = '/proc'): ForeignMount[] {
  const own = readNamespaceInode('self', 'mnt', proc)
  const viewers = eldestBy(processes, ({ mountns }) => (mountns === own ? undefined : mountns))
  return [...viewers.values()].flatMap(({ pid }) =>
    parseNamespaceMounts(readText(`${proc}/${pid}/mountinfo`) ?? '').map(({ path, inode }) => ({
      path: `${proc}/${pid}/root${path}`,
      inode,
      pid,
      inside: path,
    })),
  )
}

/** Picks the nsfs mounts of network namespaces out of mountinfo; later mounts hide earlier ones at the same path. */
export function parseNamespaceMounts(mountinfo: string): NamespaceMount[] {
  const found = new Map<string, number>()
  for (const line of mountinfo.split('\n')) {
    const fields = line.split(' ')
    const [root, mountPoint] = [fields[3], fields[4]]
    const type = fields[fields.indexOf('-') + 1]
    const [, inode] = /^net:\[(\d+)\]$/.exec(root ?? '') ?? []
    if (type === 'nsfs' && inode !== undefined && mountPoint !== undefined)
      found.set(unescapeOctal(mountPoint), Number(inode))
  }
  return [...found].map(([path, inode]) => ({ path, inode })).sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** The kernel writes blank, tab, newline and backslash as three octal digits. */
export function unescapeOctal(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
