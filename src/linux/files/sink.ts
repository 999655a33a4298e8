/**
 * Where woven packets go: a descriptor that is written to without ever blocking the process. A regular file never blocks
 * for long; a pipe may block for ever, so it is opened once more, in a mode that is ours alone, and written to when it has
 * room.
 */
import { constants, fstatSync, openSync, write as writeFile } from 'node:fs'
import { Socket } from 'node:net'
import { promisify } from 'node:util'

/** A place that takes bytes in the order they come. */
export interface Sink {
  /** Writes all of it; one write at a time. Fails with EPIPE when nobody reads any more. */
  write(bytes: Buffer): Promise<void>
  /** Ends, also in the middle of a write, which fails then. */
  close(): void
}

const write = promisify(writeFile)

/** A sink over a descriptor, which stays the caller's. */
export function openSink(fd: number): Sink {
  const stats = fstatSync(fd)
  if (stats.isFIFO()) return pipeSink(openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK))
  // A socket, which sshd hands down, cannot be opened again; it is closed with the sink.
  if (stats.isSocket()) return pipeSink(fd)
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length; ) at += (await write(fd, bytes, at)).bytesWritten
    },
    close() {},
  }
}

/** @param fd descriptor without blocking, from now on the sink's */
function pipeSink(fd: number): Sink {
  const pipe = new Socket({ fd, readable: false, writable: true })
  const gone = () => Object.assign(new Error('nobody reads any more'), { code: 'EPIPE' })
  /** Fails the write that waits. */
  let fail: ((error: Error) => void) | undefined
  pipe.on('error', () => {})
  pipe.once('close', () => fail?.(gone()))
  return {
    write: bytes =>
      new Promise((resolve, reject) => {
        if (pipe.destroyed) return reject(gone())
        fail = reject
        pipe.write(bytes, error => {
          if (error) reject(error)
          else resolve()
        })
      }),
    close: () => void pipe.destroy(),
  }
}
