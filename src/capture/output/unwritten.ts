/**
 * Whether what dumpcap captures into a file reaches it. dumpcap ignores the errors of its writes, so they are seen from
 * outside (docs/internals/discoveries): a file system without room, writes that add nothing, a disk that does not take what was written.
 */
import { fstatSync, ftruncateSync, statfsSync, writeSync } from 'node:fs'
import { RemoraError } from '../../base/errors.ts'
import { diskFull } from '../../linux/capturing/dumpcap.ts'
import { type WritebackWatch, watchWriteback } from '../../linux/files/writeback.ts'
import { readWrites } from '../../linux/process/proc.ts'
import { writeFailure } from './termination.ts'

/** Looks after the file of a dumpcap. */
export interface UnwrittenWatch {
  /** Whether packets do not reach the file any more; asked twice a second. */
  look(): boolean
  /** Why, when dumpcap writes no longer. */
  failure(): RemoraError
  /**
   * Ends the watch of a file that is written no more, when all of it is on its disk.
   * @throws RemoraError CAPTURE_FAILED
   */
  settle(signal: AbortSignal): Promise<void>
  close(): void
}

/** Looks in a row in which no write added anything, until that is believed. */
const looksInVain = 2

/**
 * Watches the file behind a descriptor; what is no file is never said not to be written.
 * @param packets dumpcap has counted; stays 0 when it does not count
 */
export function watchUnwritten(output: number, pid: number, packets: () => number): UnwrittenWatch {
  if (!fstatSync(output).isFile()) return unwatched
  let failure: RemoraError | undefined
  const writeback = watchWriteback(output, error => {
    failure ??= writeFailure(error)
  })
  const addsNothing = vainWrites(output, pid, packets)
  return {
    look() {
      if (hasNoRoom(output)) failure ??= diskFull()
      return failure !== undefined || addsNothing()
    },
    failure: () => failure ?? probe(output),
    settle: signal => settleWritten(writeback, signal),
    close: writeback.close,
  }
}

const unwatched: UnwrittenWatch = { look: () => false, failure: diskFull, settle: async () => {}, close() {} }

/**
 * Waits until what was captured is on its disk, as {@link WritebackWatch.settle} does.
 * @throws RemoraError CAPTURE_FAILED
 */
export async function settleWritten(writeback: WritebackWatch, signal: AbortSignal): Promise<void> {
  try {
    await writeback.settle(signal)
  } catch (error) {
    throw writeFailure(error)
  }
}

/** Whether the file system under a file has nothing left for this user (statvfs(3): some of it may be kept for root). */
function hasNoRoom(output: number): boolean {
  const { blocks, bfree, bavail } = statfsSync(`/proc/self/fd/${output}`)
  // A file system that cannot tell says nothing but zeros.
  return blocks > 0 && (process.geteuid?.() === 0 ? bfree : bavail) === 0
}

/**
 * Writes that add nothing: the kernel counts each (proc_pid_io(5), `syscw`), and the bytes of those that succeed. Where
 * dumpcap also writes messages, or may not be looked at, its packets grow and the file does not.
 */
function vainWrites(output: number, pid: number, packets: () => number): () => boolean {
  const read = () => ({ ...readWrites(pid), size: fstatSync(output).size, packets: packets() })
  let before = read()
  let inVain = 0
  return () => {
    const now = read()
    const failed = now.calls > before.calls && now.bytes === before.bytes
    if (now.size === before.size && (failed || now.packets > before.packets)) inVain++
    else inVain = 0
    before = now
    return inVain >= looksInVain
  }
}

/** Asks the file system what stands against writing. What it takes is taken back. */
function probe(output: number): RemoraError {
  try {
    const { size } = fstatSync(output)
    writeSync(output, Buffer.alloc(1), 0, 1, size)
    ftruncateSync(output, size)
  } catch (error) {
    return writeFailure(error)
  }
  return new RemoraError(
    'CAPTURE_FAILED',
    'cannot write the capture: dumpcap captures packets, and its file does not grow',
    {
      hint: 'The packets up to then are kept. Write to another disk, with -w.',
    },
  )
}
