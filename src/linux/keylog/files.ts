/**
 * The TLS key logs that are open, each once, whatever names lead to it. One is kept as long as a name lives that has led
 * to it, also when it was renamed or removed meanwhile: who writes to it may go on doing so. Then it is closed at once,
 * since an open file keeps the file system of a container from going away.
 */
import { closeSync, fstatSync, type Stats } from 'node:fs'
import type { Place } from '../namespace/file-in-root.ts'
import { type KeylogTail, tailKeylog } from './tail.ts'

/** The open key logs of one capture. */
export interface KeylogFiles {
  /** A name leads to this file now; true when the file was not known. */
  see(name: string, file: Place): boolean
  /** A name leads nowhere any more; what its files say up to now is read before they are closed. */
  forget(name: string): void
  /** Reads what was written since, in all files together at most so many bytes; `keys` are whole lines of a key log. */
  read(limit: number): { readonly keys: Buffer; readonly bytes: number }
  /** Files that are open, and bytes passed over since they came too fast. */
  counts(): { readonly files: number; readonly skippedBytes: number }
  close(): void
}

interface OpenFile {
  readonly id: string
  readonly born: number
  readonly tail: KeylogTail
  readonly names: Set<string>
}

/** Files a name may have led to that are kept open: the one of now, and the one before it. */
const filesByName = 2
/** Files that are remembered after they were closed, so that the next process does not bring all their keys again. */
const remembered = 256
/** Bytes read at once, and of a file that is about to be closed. */
const chunk = 256 * 1024

/** A set that holds none yet. */
export function openKeylogFiles(): KeylogFiles {
  const buffer = Buffer.allocUnsafe(chunk)
  const files = new Map<string, OpenFile>()
  const positions = new Map<string, { born: number; position: number }>()
  let lastKeys: Buffer[] = []
  let skippedBefore = 0

  const close = (file: OpenFile) => {
    files.delete(file.id)
    skippedBefore += file.tail.skipped()
    remember(positions, file)
    file.tail.close()
  }
  const read = (file: OpenFile, limit: number) => {
    try {
      return file.tail.read(limit)
    } catch {
      // Its file system fails; what it held can be had no more.
      close(file)
      return { keys: Buffer.alloc(0), bytes: 0 }
    }
  }
  const leave = (name: string, file: OpenFile) => {
    file.names.delete(name)
    if (file.names.size > 0) return
    lastKeys.push(read(file, chunk).keys)
    if (files.has(file.id)) close(file)
  }
  const named = (name: string) => [...files.values()].filter(({ names }) => names.has(name))
  return {
    see(name, place) {
      const known = files.get(idOf(place.stats))
      const file = known ?? openFile(place, buffer, positions)
      if (file === undefined) return false
      files.set(file.id, file)
      if (file.names.has(name)) return false
      file.names.add(name)
      for (const old of named(name).slice(0, -filesByName)) leave(name, old)
      return known === undefined
    },
    forget(name) {
      for (const file of named(name)) leave(name, file)
    },
    read(limit) {
      let bytes = 0
      const parts = lastKeys
      lastKeys = []
      for (const file of [...files.values()]) {
        if (bytes >= limit) break
        const found = read(file, limit - bytes)
        bytes += found.bytes
        parts.push(found.keys)
        // The one that was read from comes last next time, so that none takes everything.
        if (found.bytes > 0 && files.delete(file.id)) files.set(file.id, file)
      }
      return { keys: Buffer.concat(parts), bytes }
    },
    counts: () => ({
      files: files.size,
      skippedBytes: [...files.values()].reduce((sum, { tail }) => sum + tail.skipped(), skippedBefore),
    }),
    close() {
      for (const file of [...files.values()]) close(file)
    },
  }
}

function openFile(
  { stats, open }: Place,
  buffer: Buffer,
  positions: ReadonlyMap<string, { born: number; position: number }>,
): OpenFile | undefined {
  const [id, born] = [idOf(stats), stats.birthtimeMs]
  const before = positions.get(id)
  let descriptor: number | undefined
  try {
    descriptor = open()
    const opened = fstatSync(descriptor)
    if (!opened.isFile() || idOf(opened) !== id) throw new Error('something else is there now')
    const from = before?.born === born ? before.position : 0
    return { id, born, tail: tailKeylog(descriptor, buffer, from), names: new Set() }
  } catch {
    // May not be read, or somebody holds a lease on it: the next look will tell.
    if (descriptor !== undefined) closeSync(descriptor)
    return undefined
  }
}

function idOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`
}

function remember(positions: Map<string, { born: number; position: number }>, { id, born, tail }: OpenFile): void {
  positions.delete(id)
  positions.set(id, { born, position: tail.position() })
  const [oldest] = positions.keys()
  if (positions.size > remembered && oldest !== undefined) positions.delete(oldest)
}
