/**
 * Small files of a container, read without trusting it. Every step of a path is taken by descriptor, and links are read
 * and followed here, so that none leads out of the root, also none that appears meanwhile (path_resolution(7)). A place
 * is looked at before anything is opened: a fifo, a device, or a file of /proc such as kmsg would do something, or nothing
 * for ever. Below a file system that a process or another machine serves each step may take for ever: there we do not go.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, type Stats, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { answeringMounts, remoteMounts } from '../namespace/mountinfo.ts'
import { readText } from '../process/proc.ts'

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants

/** O_PATH of asm-generic/fcntl.h, which Node has no name for: a place in the file system, nothing is opened. */
const O_PATH = 0o10_000_000

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
 * @returns undefined when it cannot be read, or is no regular file
 */
export function readInRoot(root: string, path: string): string | undefined {
  return lookInRoot(root, path, ({ stats: { size }, open }) => {
    // A file of /proc has no size, and no content that we want.
    if (size === 0) return ''
    const file = open()
    try {
      return readStart(file, size)
    } finally {
      closeSync(file)
    }
  })
}

/**
 * Looks at a regular file under another root.
 * @param look called once, while the root it was found under is held open
 * @returns what look returned; undefined when there is no such file, it is no regular one, or a system call failed
 */
export function lookInRoot<T>(root: string, path: string, look: (place: Place) => T): T | undefined {
  return findInRoot(root, path, descriptor => {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) return undefined
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
  return findInRoot(root, path, (_, names) => [root, ...names].join('/'))
}

/** @param found called once, with a descriptor of the place and the names of the way to it, which is held open meanwhile */
function findInRoot<T>(
  root: string,
  path: string,
  found: (descriptor: number, names: readonly string[]) => T | undefined,
): T | undefined {
  const mountinfo = readText(`${dirname(root)}/mountinfo`) ?? ''
  const blocked = remoteMounts(mountinfo)
  if (blocked.has('/')) return undefined
  const descriptors: number[] = []
  const open = (place: string, flags: number) => {
    const descriptor = openSync(place, flags)
    descriptors.push(descriptor)
    return descriptor
  }
  try {
    const start = open(root, O_PATH | O_DIRECTORY)
    const answering = answeringMounts(mountinfo).add(mountOf(start))
    const step = (next: string) => {
      const place = open(next, O_PATH | O_NOFOLLOW)
      // What was mounted there since: asking anything of it might take for ever.
      return answering.has(mountOf(place)) ? place : undefined
    }
    const way = walk(start, path, blocked, step)
    return way && found(way.place, way.names)
  } catch {
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

/** Descriptor of the place that a path means, and the names that lead to it. */
function walk(
  root: number,
  path: string,
  blocked: ReadonlySet<string>,
  step: (place: string) => number | undefined,
): { readonly place: number; readonly names: readonly string[] } | undefined {
  const pending = path.split('/').reverse()
  let [names, places]: [string[], number[]] = [[], [root]]
  for (let [links, steps] = [0, 0]; pending.length > 0; steps++) {
    const name = pending.pop() ?? ''
    if (steps > maximumSteps) return undefined
    if (name === '' || name === '.') continue
    if (name === '..') {
      names = names.slice(0, -1)
      places = places.length > 1 ? places.slice(0, -1) : places
      continue
    }
    if (blocked.has(`/${[...names, name].join('/')}`)) return undefined
    const next = `/proc/self/fd/${places.at(-1)}/${name}`
    const place = step(next)
    if (place === undefined) return undefined
    if (!fstatSync(place).isSymbolicLink()) {
      names = [...names, name]
      places = [...places, place]
      continue
    }
    if (++links > maximumLinks) return undefined
    const target = readlinkSync(next)
    if (target.startsWith('/')) [names, places] = [[], [root]]
    pending.push(...target.split('/').reverse())
  }
  return { place: places.at(-1) ?? root, names }
}

function readStart(file: number, size: number): string {
  const buffer = Buffer.alloc(Math.min(size, maximumSize))
  return buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, 0))
}
