/**
 * Fifos and pipes another process reads from.
 *
 * A blocking open of a fifo without a reader hangs node's thread pool for good, so it is opened without blocking and
 * asked again (fifo(7)). dumpcap needs a blocking descriptor: that is opened while a reading end of our own makes certain
 * that the open returns at once.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RemoraError, reasonOf, systemCode } from '../../base/errors.ts'
import { run } from '../programs/run.ts'
import { findTool } from '../programs/tools.ts'
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary.ts'

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants

/**
 * Opens a fifo for blocking writes, as soon as somebody reads from it.
 * @param timeout milliseconds to wait for the reader
 * @throws RemoraError USAGE when the path is missing or no fifo, CAPTURE_FAILED when nobody comes to read
 */
export async function openFifo(path: string, timeout: number, signal?: AbortSignal): Promise<number> {
  const deadline = performance.now() + timeout
  for (;;) {
    const probe = openForReader(path)
    if (probe !== undefined) {
      try {
        return reopenBlocking(probe)
      } finally {
        closeSync(probe)
      }
    }
    signal?.throwIfAborted()
    if (performance.now() > deadline) {
      throw new RemoraError('CAPTURE_FAILED', `nobody opened ${path} for reading within ${timeout / 1000} s`, {
        hint: `Open it first: wireshark -k -i ${path}`,
      })
    }
    await sleep(5, undefined, signal && { signal })
  }
}

/** A pipe between a child, which writes blocking, and this process, which reads as it can. Whoever made it closes both. */
export interface LocalPipe {
  readonly reader: number
  readonly writer: number
}

/**
 * Makes pipes. What node makes for a child is a pair of sockets, which holds only a few hundred small packets and costs
 * more for each; a fifo is a pipe of 64 KiB, and has a name only until both ends are open.
 * @throws RemoraError CAPTURE_FAILED or TOOL_MISSING
 */
export async function makePipes(count: number): Promise<LocalPipe[]> {
  const folder = makeTemporaryFolder()
  const names = Array.from({ length: count }, (_, index) => `pipe${index}`)
  const open: number[] = []
  const opened = (path: string, flags: number) => {
    open.push(openSync(path, flags))
    return open.at(-1) as number
  }
  try {
    const paths = names.map(name => join(folder, name))
    await makeFifos(paths)
    return paths.map(path => ({ reader: opened(path, O_RDONLY | O_NONBLOCK), writer: opened(path, O_WRONLY) }))
  } catch (error) {
    for (const fd of open) closeSync(fd)
    throw error
  } finally {
    removeTemporaryFolder(folder, names)
  }
}

/**
 * Makes fifos that only this user may open.
 * @throws RemoraError CAPTURE_FAILED or TOOL_MISSING
 */
export async function makeFifos(paths: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<void> {
  if (paths.length === 0) return
  const { status, stderr } = await run([findTool('mkfifo', env), '-m', '600', ...paths])
  if (status !== 0)
    throw new RemoraError('CAPTURE_FAILED', `cannot make a fifo: ${stderr.trim()}`, {
      hint: 'Name a folder for temporary files that this user may write, with TMPDIR.',
    })
}

/**
 * A blocking descriptor of our own for a pipe that was inherited, whose flags others may share; undefined when the pipe
 * belongs to another user, who alone may open it again.
 */
export function reopenPipe(fd: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY)
  } catch (error) {
    if (systemCode(error) === 'EACCES') return undefined
    throw error
  }
}

/** Whether a descriptor is a pipe or a fifo. */
export function isPipe(fd: number): boolean {
  return fstatSync(fd).isFIFO()
}

/** A descriptor that does not block, or undefined while nobody reads. */
function openForReader(path: string): number | undefined {
  let fd: number
  try {
    fd = openSync(path, O_WRONLY | O_NONBLOCK)
  } catch (error) {
    if (systemCode(error) === 'ENXIO') return undefined
    throw new RemoraError('USAGE', `cannot open the fifo ${path}: ${reasonOf(error)}`, {
      cause: error,
      hint: makeIt(path),
    })
  }
  if (isPipe(fd)) return fd
  closeSync(fd)
  throw new RemoraError('USAGE', `${path} is not a fifo`, { hint: makeIt(path) })
}

function makeIt(path: string): string {
  return `Make one that this user may write (mkfifo ${path}); a file is written with -w.`
}

function reopenBlocking(probe: number): number {
  const path = `/proc/self/fd/${probe}`
  const reader = openReadingEnd(path)
  try {
    return openSync(path, O_WRONLY)
  } finally {
    if (reader !== undefined) closeSync(reader)
  }
}

/** Undefined where this user may write but not read: then the reader that was just seen must do. */
function openReadingEnd(path: string): number | undefined {
  try {
    return openSync(path, O_RDONLY | O_NONBLOCK)
  } catch (error) {
    if (systemCode(error) === 'EACCES') return undefined
    throw error
  }
}
