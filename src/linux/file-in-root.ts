/**
 * Small files of a container, read without trusting it. A path is resolved inside its root, then walked again folder by
 * folder through descriptors, so that no link that appears meanwhile leads out of the root (openat(2), O_NOFOLLOW). Only
 * regular files are opened: a fifo or a device would do something, or nothing for ever.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import { resolveInRoot } from './root.ts'

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants
const maximumSize = 64 * 1024

/**
 * The text of a file under another root, cut off after 64 KiB.
 * @returns undefined when it cannot be read, or is no regular file
 */
export function readInRoot(root: string, path: string): string | undefined {
  const descriptors: number[] = []
  const open = (place: string, flags: number) => {
    const descriptor = openSync(place, flags)
    descriptors.push(descriptor)
    return descriptor
  }
  try {
    const resolved = resolveInRoot(root, path)
    if (resolved === undefined) return undefined
    const folders = resolved.slice(root.length + 1).split('/')
    const name = folders.pop() ?? ''
    let folder = open(root, O_RDONLY | O_DIRECTORY)
    for (const next of folders) folder = open(`/proc/self/fd/${folder}/${next}`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    const place = `/proc/self/fd/${folder}/${name}`
    if (name === '' || !lstatSync(place).isFile()) return undefined
    const file = open(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    return fstatSync(file).isFile() ? readStart(file) : undefined
  } catch {
    return undefined
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor)
  }
}

function readStart(file: number): string {
  const buffer = Buffer.alloc(maximumSize)
  let size = 0
  while (size < maximumSize) {
    const read = readSync(file, buffer, size, maximumSize - size, null)
    if (read === 0) break
    size += read
  }
  return buffer.toString('utf8', 0, size)
}
