/**
 * The end of a TLS key log, as it grows. The file belongs to somebody who may do anything to it: cut it off, make it
 * gigabytes long, write without an end. What is read of it is bounded in every direction, and only whole lines that are
 * keys leave here.
 */
import { closeSync, fstatSync, readSync } from 'node:fs'
import { keyLines, longestKeyLine } from '../../pcapng/key-log.ts'

/** The reader of one open key log. */
export interface KeylogTail {
  /**
   * Reads what was written since.
   * @param limit greatest number of bytes to read now
   * @returns keys, and the number of bytes they were found in
   */
  read(limit: number): { readonly keys: Buffer; readonly bytes: number }
  /** Bytes from the start of the file up to which it was read. */
  position(): number
  /** Bytes that were passed over, since more was written than may be read. */
  skipped(): number
  close(): void
}

/** Bytes before the end of the file beyond which nothing is read any more. */
const reach = 4 * 1024 * 1024
/** Bytes a second that a file may go on growing by. */
const rate = 1024 * 1024

const nothing = Buffer.alloc(0)

/**
 * Follows an open file from its last 4 MiB on. Beyond 1 MiB a second the oldest bytes not read yet are passed over.
 * @param file descriptor of a regular file; closed by the result
 * @param buffer where bytes are read to, shared by all that are read one after another
 * @param from where it was read up to before
 * @param clock milliseconds
 */
export function tailKeylog(
  file: number,
  buffer: Buffer,
  from = 0,
  clock: () => number = () => performance.now(),
): KeylogTail {
  let offset = Math.max(from, fstatSync(file).size - reach)
  let [skipped, allowed, allowedAt] = [0, reach, clock()]
  let rest: Buffer = nothing
  /** In the middle of a line whose start is not known, or that is too long. */
  let amid = offset > from
  const restart = (place: number, isAmid: boolean) => {
    offset = place
    rest = nothing
    amid = isAmid
  }
  const allowance = () => {
    const now = clock()
    allowed = Math.min(reach, allowed + ((now - allowedAt) / 1_000) * rate)
    allowedAt = now
    return allowed
  }
  const takeLines = (bytes: Buffer): Buffer => {
    const start = amid ? bytes.indexOf(0x0a) + 1 : 0
    if (amid && start === 0) return nothing
    const text = Buffer.concat([rest, bytes.subarray(start)])
    const end = text.lastIndexOf(0x0a) + 1
    amid = text.length - end > longestKeyLine
    rest = amid ? nothing : Buffer.from(text.subarray(end))
    return keyLines(text.subarray(0, end))
  }
  return {
    read(limit) {
      const { size } = fstatSync(file)
      if (size < offset) restart(0, false)
      if (size - offset > reach) {
        skipped += size - offset - reach
        restart(size - reach, true)
      }
      const length = Math.floor(Math.min(limit, allowance(), size - offset, buffer.length))
      if (length <= 0) return { keys: nothing, bytes: 0 }
      const bytes = readSync(file, buffer, 0, length, offset)
      offset += bytes
      allowed -= bytes
      return { keys: takeLines(buffer.subarray(0, bytes)), bytes }
    },
    position: () => offset - rest.length,
    skipped: () => skipped,
    close: () => closeSync(file),
  }
}
