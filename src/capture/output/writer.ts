/** Writes a capture that comes from elsewhere into an open output, and watches that it reaches the disk. */
import { systemCode } from '../../base/errors.ts'
import { openSink } from '../../linux/files/sink.ts'
import { watchWriteback } from '../../linux/files/writeback.ts'
import { writeFailure } from './termination.ts'
import { settleWritten } from './unwritten.ts'

/** Takes the bytes of an output. */
export interface OutputWriter {
  /**
   * Writes all of it, one write at a time.
   * @returns false when nobody reads any more
   * @throws RemoraError CAPTURE_FAILED
   */
  write(bytes: Buffer): Promise<boolean>
  /**
   * Waits until all of it is on its disk, unless the signal aborts.
   * @throws RemoraError CAPTURE_FAILED
   */
  settle(signal: AbortSignal): Promise<void>
  /** Ends, also in the middle of a write. Again does nothing. */
  close(): void
}

/**
 * Opens a writer over a descriptor, which stays the caller's.
 * @param onFailure told once, when what was written before does not reach the disk
 */
export function openWriter(fd: number, onFailure: (failure: Error) => void): OutputWriter {
  const sink = openSink(fd)
  const writeback = watchWriteback(fd, error => onFailure(writeFailure(error)))
  return {
    async write(bytes) {
      try {
        if (bytes.length > 0) await sink.write(bytes)
        return true
      } catch (error) {
        if (systemCode(error) === 'EPIPE') return false
        throw writeFailure(error)
      }
    },
    settle: signal => settleWritten(writeback, signal),
    close() {
      writeback.close()
      sink.close()
    },
  }
}
