/**
 * What a write has handed to the kernel may still be lost on its way to the disk: the error of a disk, or of a file system
 * on a file on a full one, is told to whoever asks for the file to be synchronised, once (fsync(2)).
 */
import { fdatasync, fstatSync } from 'node:fs'
import { startSuspendProofTimer } from '../../base/suspend-proof-timer.ts'
import { setInterval } from '../../base/timers.ts'

/** Milliseconds between two times a file is brought to the disk; the kernel does it as often (vm.dirty_writeback_centisecs). */
const syncInterval = 5_000
/** Milliseconds the disk has for what was written last. */
const longestSync = 10_000

/** Looks after a file that somebody writes. */
export interface WritebackWatch {
  /**
   * Brings what was written last to the disk, and ends the watch. A disk that takes long is not waited for, nor is any
   * when the signal aborts.
   * @throws the error of the disk
   */
  settle(signal: AbortSignal): Promise<void>
  close(): void
}

/**
 * Watches a file that somebody writes through this descriptor; anything else has no disk.
 * @param onFailure told once, of a failure before the end
 */
export function watchWriteback(fd: number, onFailure: (error: Error) => void): WritebackWatch {
  if (!fstatSync(fd).isFile()) return { settle: async () => {}, close() {} }
  let syncing: Promise<void> | undefined
  // One at a time: an error is told to one of them only.
  const sync = () => {
    syncing ??= bringToDisk(fd).finally(() => {
      syncing = undefined
    })
    return syncing
  }
  let ended = false
  const close = () => {
    ended = true
    clearInterval(timer)
  }
  const timer = setInterval(() => {
    sync().catch(error => {
      if (ended) return
      close()
      onFailure(error)
    })
  }, syncInterval)
  return {
    async settle(signal) {
      close()
      await unlessLong(Promise.resolve(syncing).then(sync), signal)
    },
    close,
  }
}

function bringToDisk(fd: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  fdatasync(fd, error => {
    // A file system that cannot do it says EINVAL.
    if (error === null || error.code === 'EINVAL') resolve()
    else reject(error)
  })
  return promise
}

async function unlessLong(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const enough = Promise.withResolvers<void>()
  const cancel = startSuspendProofTimer(longestSync, enough.resolve)
  if (signal.aborted) enough.resolve()
  signal.addEventListener('abort', () => enough.resolve(), { once: true })
  try {
    await Promise.race([work, enough.promise])
  } finally {
    cancel()
  }
}
