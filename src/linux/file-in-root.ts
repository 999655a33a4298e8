/**
 * Small files of a container, read without trusting it. Every step of a path is taken by descriptor, and links are read
 * and followed here, so that none leads out of the root, also none that appears meanwhile (path_resolution(7)). A place
 * is looked at before anything is opened: a fifo, a device, or a file of /proc such as kmsg would do something, or nothing
 * for ever. Below a file system that a process or another machine serves each step may take for ever: there we do not go.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import { remoteMounts } from './mountinfo.ts'
import { readText } from './proc.ts'

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants

/** O_PATH of asm-generic/fcntl.h, which Node has no name for: a place in the file system, nothing is opened. */
const O_PATH = 0o10_000_000

const maximumSize = 64 * 1024

/** As many links as the kernel follows (MAXSYMLINKS), and steps as a path could have. */
const maximumLinks = 40
const maximumSteps = 256

/**
 * The text of a file under another root, cut off after 64 KiB.
 * @param root folder that stands for `/`, as `/proc/1234/root`; the mounts below it are told by the file beside it
 * @returns undefined when it cannot be read, or is no regular file
 */
export function readInRoot(root: string, path: string): string | undefined {
  const blocked = remoteMounts(readText(`${dirname(root)}/mountinfo`) ?? '')
  if (blocked.has('/')) return undefined
  const descriptors: number[] = []
  const open = (place: string, flags: number) => {
    const descriptor = openSync(place, flags)
    descriptors.push(descriptor)
    return descriptor
  }
  try {
    const start = open(root, O_PATH | O_DIRECTORY)
    const place = walk(start, path, blocked, next => open(next, O_PATH | O_NOFOLLOW))
    if (place === undefined || !fstatSync(place).isFile()) return undefined
    const { size } = fstatSync(place)
    // A file of /proc has no size, and no content that we want.
    return size === 0 ? '' : readStart(open(`/proc/self/fd/${place}`, O_RDONLY | O_NONBLOCK), size)
  } catch {
    return undefined
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor)
  }
}

/** Descriptor of the place that a path means. */
function walk(
  root: number,
  path: string,
  blocked: ReadonlySet<string>,
  open: (place: string) => number,
): number | undefined {
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
    const place = open(next)
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
  return places.at(-1)
}

function readStart(file: number, size: number): string {
  const buffer = Buffer.alloc(Math.min(size, maximumSize))
  return buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, 0))
}
