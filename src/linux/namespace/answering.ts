/**
 * Which mounts answer. A file system that a process or another machine serves may never do so (fuse(4), autofs(5), nfs(5)),
 * and nor may an overlay that lies on one. mountinfo tells the layers of an overlay by the paths that whoever mounted it saw
 * then: they mean something only when that was somebody with rights on this host. Any user can mount one in a user namespace
 * of his own, on a file system that he serves and has hidden since.
 */
import { dirname } from 'node:path'
import { hasCapability, readLink, readText } from '../process/proc.ts'
import { isBelow, type Mount, parseMounts, unescapeOctal } from './mount-lines.ts'

/** The mounts under a root. */
export interface Mounts {
  /** Places below which nothing may answer. */
  readonly blocked: ReadonlySet<string>
  /** Numbers of those that do. */
  readonly answering: ReadonlySet<number>
}

/** The root of this process, as those of others are called. */
export const ownRoot = '/proc/self/root'

/** Reads the mounts under the root of a process: the file beside it tells of them. */
export function readMounts(root: string): Mounts {
  return readMountsWith(root, hostsOfOneMoment())
}

function readMountsWith(root: string, hostMounts: HostMounts): Mounts {
  const process = dirname(root)
  const { blocked, answering } = assess(readText(`${process}/mountinfo`) ?? '', overlayCheck(process, hostMounts))
  // This program itself lies there.
  if (root === ownRoot) blocked.delete('/')
  return { blocked, answering }
}

/**
 * Reads mounts as {@link readMounts} does, for many roots of one moment. The kernel takes a millisecond for the file of a host
 * with containers, so processes that share their mounts, their root and their user namespace share what was read.
 */
export function mountsOfOneMoment(): (root: string) => Mounts {
  const found = new Map<string, Mounts>()
  const hostMounts = hostsOfOneMoment()
  return root => {
    const process = dirname(root)
    const links = root === ownRoot ? [] : ['ns/mnt', 'ns/user', 'root'].map(name => readLink(`${process}/${name}`))
    const key = links.length === 0 || links.includes(undefined) ? root : links.join(' ')
    const mounts = found.get(key) ?? readMountsWith(root, hostMounts)
    found.set(key, mounts)
    return mounts
  }
}

/** Types of file systems that may not answer. */
const remote = /^(?:fuse|autofs|nfs|cifs|smb|ceph|afs|9p)/

/** Says of an overlay whether it answers, beside places that do not. */
type OverlayCheck = (overlay: Mount, blocked: ReadonlySet<string>) => boolean

function assess(mountinfo: string, answers: OverlayCheck) {
  const mounts = parseMounts(mountinfo)
  const silent = mounts.filter(({ type }) => remote.test(type))
  const blocked = new Set(silent.map(({ place }) => place))
  const overlays = mounts.filter(({ type }) => type === 'overlay')
  // An overlay may lie on another one.
  for (let before = -1; before < silent.length; ) {
    before = silent.length
    for (const overlay of overlays) {
      if (silent.includes(overlay) || answers(overlay, blocked)) continue
      silent.push(overlay)
      blocked.add(overlay.place)
    }
  }
  const answering = new Set(mounts.filter(mount => !silent.includes(mount)).map(({ id }) => Number(id)))
  return { mounts, blocked, answering }
}

/** Whether an overlay that somebody with rights on this host has mounted lies on what answers. */
function liesOnAnswering({ options }: Mount, blocked: ReadonlySet<string>): boolean {
  return layersOf(options).every(layer => !isBelow(layer, blocked))
}

/** Folders that an overlay is made of (Documentation/filesystems/overlayfs.rst). */
function layersOf(options: string): string[] {
  return options.split(',').flatMap(option => {
    const [, paths] = /^(?:lowerdir\+?|datadir\+|upperdir)=(.*)$/.exec(option) ?? []
    if (paths === undefined) return []
    const layers = unescapeOctal(paths).split(/(?<!\\):+/)
    return layers.map(layer => layer.replace(/\\(.)/g, '$1'))
  })
}

/** Checks the overlays of a process. */
function overlayCheck(process: string, hostMounts: HostMounts): OverlayCheck {
  if (process === dirname(ownRoot)) return liesOnAnswering
  let isTrusted: boolean | undefined
  return (overlay, blocked) => {
    isTrusted ??= isMountedByTrusted(process)
    const key = `${overlay.device} ${overlay.options}`
    if (isTrusted && !liesOnAnswering(overlay, blocked)) return false
    if (isTrusted && known.has(key)) return true
    const answers = isMountedHere(overlay, hostMounts()) ?? (isTrusted && liesOnHost(overlay, hostMounts()))
    if (known.size >= mostKnown) known.clear()
    if (answers && isTrusted) known.add(key)
    return answers
  }
}

/** Overlays that the host was found to have on what answers: what an overlay lies on stays the same. */
const known = new Set<string>()
const mostKnown = 1_024

/**
 * Whether only somebody with rights on this host can have mounted what a process sees: to mount in a user namespace of his own
 * takes no rights. A plain user sees no processes but his own.
 */
function isMountedByTrusted(process: string): boolean {
  const namespace = readLink(`${process}/ns/user`)
  return (namespace !== undefined && namespace === readLink('/proc/self/ns/user')) || !seesOthers()
}

function seesOthers(): boolean {
  return process.geteuid?.() === 0 || hasCapability('sysPtrace')
}

/** Where those with rights on this host mount: where this process lives, and the first one. */
const hosts = ['/proc/self', '/proc/1'] as const

/** What was found of the mounts of the hosts. */
type HostMounts = () => readonly ReturnType<typeof assess>[]

/** Looks at the mounts of the hosts when they are first needed: for each of a hundred overlays it would take half a second. */
function hostsOfOneMoment(): HostMounts {
  let found: ReturnType<HostMounts> | undefined
  return () => {
    found ??= hosts.map(host => assess(readText(`${host}/mountinfo`) ?? '', liesOnAnswering))
    return found
  }
}

/** What is found of an overlay where the host itself has it mounted; undefined where it is not. */
function isMountedHere({ device, options }: Mount, hostMounts: ReturnType<HostMounts>): boolean | undefined {
  const verdicts = hostMounts.flatMap(({ mounts, answering }) =>
    mounts
      .filter(mount => mount.device === device && mount.options === options && mount.type === 'overlay')
      .map(({ id }) => answering.has(Number(id))),
  )
  return verdicts.length === 0 ? undefined : verdicts.every(Boolean)
}

/** Layers are told as the mounter saw them, which an engine of the host did where the host sees them. */
function liesOnHost(overlay: Mount, hostMounts: ReturnType<HostMounts>): boolean {
  return hostMounts.every(({ blocked }) => liesOnAnswering(overlay, blocked))
}
