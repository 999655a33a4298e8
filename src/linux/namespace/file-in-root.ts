/**
 * Small files of a container, read without trusting it. Every step of a path is taken by descriptor, and links are read
 * and followed here, so that none leads out of the root, also none that appears meanwhile (path_resolution(7)). A place
 * is looked at before anything is opened: a fifo, a device, or a file of /proc such as kmsg would do something, or nothing
 * for ever. Below a file system that a process or another machine serves each step may take for ever: there we do not go.
 * A file is read only for a process that may read it itself: who wrote the path is not who reads it.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, type Stats, statfsSync } from 'node:fs'
import { noteExhaustion } from '../../base/exhaustion.ts'
import { type Credentials, mayRead, maySearch } from '../process/credentials.ts'
import { readText } from '../process/proc.ts'
import { type Mounts, ownRoot, readMounts } from './answering.ts'

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants

/** O_PATH of asm-generic/fcntl.h, which Node has no name for: a place in the file system, nothing is opened. */
export const O_PATH = 0o10_000_000

const maximumSize = 64 * 1024

/** As many links as the kernel follows (MAXSYMLINKS), and steps as a path could have. */
const maximumLinks = 40
const maximumSteps = 256

/** Something that is there and has not been opened yet. */
export interface Place {
  readonly stats: Stats
  /** Type of its file system, as statfs(2) numbers them; asked for only where that answers. */
  fileSystem(): number
  /** Opens it for reading; the descriptor is the caller's. */
  open(): number
}

/**
 * The text of a file under another root, cut off after 64 KiB.
 * @param root folder that stands for `/`, as `/proc/1234/root`; the mounts below it are told by the file beside it
 * @param reader the process it is read for
 * @param mountsUnder tells the mounts under a root: many files of one moment are read with those of that moment
 * @returns undefined when it cannot be read, the reader may not read it, or it is no regular file
 */
export function readInRoot(
  root: string,
  path: string,
  reader: Credentials | undefined,
  mountsUnder = readMounts,
): string | undefined {
  const read = ({ stats: { size }, open }: Place) => {
    // A file of /proc has no size, and no content that we want.
    if (size === 0) return ''
    const file = open()
    try {
      return readStart(file, size)
    } finally {
      closeSync(file)
    }
  }
  return lookInRoot(root, path, reader, read, mountsUnder)
}

/**
 * Looks at a regular file under another root.
 * @param reader the process it is looked at for, which must be allowed to read it and to search each folder on the way
 * @param look called once, while the root it was found under is held open
 * @returns what look returned; undefined when there is no such file, it is no regular one, the reader may not read it, or a
 *   system call failed
 */
export function lookInRoot<T>(
  root: string,
  path: string,
  reader: Credentials | undefined,
  look: (place: Place) => T,
  mountsUnder = readMounts,
): T | undefined {
  if (reader === undefined) return undefined
  const find = { root, path, mountsUnder, mayPass: (folder: Stats) => maySearch(reader, folder) }
  return findInRoot(find, descriptor => {
    const stats = fstatSync(descriptor)
    if (!stats.isFile() || !mayRead(reader, stats)) return undefined
    const name = `/proc/self/fd/${descriptor}`
    return look({
      stats,
      fileSystem: () => statfsSync(name).type,
      open: () => openSync(name, O_RDONLY | O_NONBLOCK),
    })
  })
}

/** The path from here to what a path means under another root, without links in it; undefined when it leads nowhere. */
export function resolveInRoot(root: string, path: string): string | undefined {
  return findInRoot({ root, path }, (_, names) => [root, ...names].join('/'))
}

/**
 * Opens what a path means as a mere place (O_PATH), for a use through `/proc/self/fd`: no further look at the path can lead
 * elsewhere, or wait. One through the root of another process (`/proc/1234/root/…`) stays within that.
 * @returns a descriptor, which the caller closes; undefined when the path leads nowhere, or where it may never answer
 */
export function openPlace(path: string): number | undefined {
  const { root, inside } = splitRoot(path)
  return findInRoot({ root, path: inside }, descriptor => openSync(`/proc/self/fd/${descriptor}`, O_PATH))
}

/** Lets something be done through a place; undefined when the path leads nowhere. */
export function atPlace<T>(path: string, use: (place: string) => T): T | undefined {
  const descriptor = openPlace(path)
  if (descriptor === undefined) return undefined
  try {
    return use(`/proc/self/fd/${descriptor}`)
  } finally {
    closeSync(descriptor)
  }
}

/** The root that a path goes through, and the path in it; {@link ownRoot} for one that goes through none. */
export function splitRoot(path: string): { readonly root: string; readonly inside: string } {
  const [, root = ownRoot, inside = path] = /^(\/proc\/\d+\/root)(\/.*)$/.exec(path) ?? []
  return { root, inside }
}

/** Whether a path goes through the root of another process. */
export function isForeign(path: string): boolean {
  return splitRoot(path).root !== ownRoot
}

/** A socket in the file system. */
export interface FoundSocket {
  /** From here, without links in it. */
  readonly path: string
  /** Tells it from every other file. */
  readonly identity: string
  /** Users of whom one has put it there, or another in its place: the owner, and root where nobody else may do that. */
  readonly placers: readonly number[]
}

/**
 * Looks for a socket; also through the root of another process.
 * @param mountsUnder tells the mounts under a root: many sockets of one moment are looked for with those of that moment
 */
export function findSocket(path: string, mountsUnder = readMounts): FoundSocket | undefined {
  const { root, inside } = splitRoot(path)
  let ofRoot = true
  const mayPass = ({ uid, mode }: Stats) => {
    ofRoot &&= uid === 0 && (mode & 0o022) === 0
    return true
  }
  return findInRoot({ root, path: inside, mayPass, mountsUnder }, (descriptor, names) => {
    const stats = fstatSync(descriptor)
    if (!stats.isSocket()) return undefined
    return {
      path: [root === ownRoot ? '' : root, ...names].join('/'),
      identity: `${stats.dev}:${stats.ino}`,
      placers: [...new Set([stats.uid, ...(ofRoot ? [0] : [])])],
    }
  })
}

/** What is looked for: a path under a root, by a way of which each folder passes. */
interface Find {
  readonly root: string
  readonly path: string
  mayPass?(folder: Stats): boolean
  mountsUnder?(root: string): Mounts
}

/** @param found called once, with a descriptor of the place and the names of the way to it, which is held open meanwhile */
function findInRoot<T>(
  { root, path, mayPass = () => true, mountsUnder = readMounts }: Find,
  found: (descriptor: number, names: readonly string[]) => T | undefined,
): T | undefined {
  const { blocked, answering: known } = mountsUnder(root)
  const isOwn = root === ownRoot
  if (blocked.has('/')) return undefined
  const descriptors: number[] = []
  const open = (place: string, flags: number) => {
    const descriptor = openSync(place, flags)
    descriptors.push(descriptor)
    return descriptor
  }
  try {
    const start = open(root, O_PATH | O_DIRECTORY)
    const answering = new Set(known)
    const first = mountOf(start)
    // A process that changed its root (chroot(2)) is not told of the mount its root lies on.
    if (!isOwn && !answering.has(first) && !readMounts(ownRoot).answering.has(first)) return undefined
    answering.add(first)
    if (!mayPass(fstatSync(start))) return undefined
    let isCurrent = false
    const isAnswering = (mount: number) => {
      // A mount that was made since is assessed as the others were: asking anything of it might take for ever.
      if (!answering.has(mount) && !isCurrent) {
        isCurrent = true
        for (const one of readMounts(root).answering) answering.add(one)
      }
      return answering.has(mount)
    }
    const step = (next: string) => {
      const place = open(next, O_PATH | O_NOFOLLOW)
      return isAnswering(mountOf(place)) ? place : undefined
    }
    const way = walk({ root: start, path, blocked, step, mayPass })
    return way && found(way.place, way.names)
  } catch (error) {
    noteExhaustion(error)
    return undefined
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor)
  }
}

/** Number of the mount that a descriptor stands on (proc_pid_fdinfo(5)). */
function mountOf(descriptor: number): number {
  const [, id] = /^mnt_id:\s*(\d+)$/m.exec(readText(`/proc/self/fdinfo/${descriptor}`) ?? '') ?? []
  return Number(id)
}

/** How a path is walked, and what of it may be entered. */
interface Walk {
  readonly root: number
  readonly path: string
  readonly blocked: ReadonlySet<string>
  /** Opens the next place; undefined where that may never answer. */
  readonly step: (place: string) => number | undefined
  readonly mayPass: (folder: Stats) => boolean
}

/** Names that lead to a place, and the descriptors of all places on the way, the root first. */
interface Way {
  readonly names: readonly string[]
  readonly places: readonly number[]
}

/** Descriptor of the place that a path means, and the names that lead to it. */
function walk(options: Walk): { readonly place: number; readonly names: readonly string[] } | undefined {
  const { root, path } = options
  const pending = path.split('/').reverse()
  const start: Way = { names: [], places: [root] }
  let way = start
  for (let [links, steps] = [0, 0]; pending.length > 0; steps++) {
    if (steps > maximumSteps) return undefined
    const next = advance(way, pending.pop() ?? '', options)
    if (next === undefined) return undefined
    if (typeof next !== 'string') {
      way = next
      continue
    }
    if (++links > maximumLinks) return undefined
    if (next.startsWith('/')) way = start
    pending.push(...next.split('/').reverse())
  }
  return { place: way.places.at(-1) ?? root, names: way.names }
}

/** The way after one more name, or the target of the link that the name is; undefined when it leads nowhere. */
function advance(way: Way, name: string, { blocked, step, mayPass }: Walk): Way | string | undefined {
  const { names, places } = way
  if (name === '' || name === '.') return way
  if (name === '..') return { names: names.slice(0, -1), places: places.length > 1 ? places.slice(0, -1) : places }
  if (blocked.has(`/${[...names, name].join('/')}`)) return undefined
  const next = `/proc/self/fd/${places.at(-1)}/${name}`
  const place = step(next)
  if (place === undefined) return undefined
  const stats = fstatSync(place)
  if (stats.isSymbolicLink()) return readlinkSync(next)
  if (stats.isDirectory() && !mayPass(stats)) return undefined
  return { names: [...names, name], places: [...places, place] }
}

function readStart(file: number, size: number): string {
  const buffer = Buffer.alloc(Math.min(size, maximumSize))
  return buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, 0))
}
