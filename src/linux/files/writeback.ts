/**
 * What a write has handed to the kernel may still be lost on its way to the disk: the error of a disk, or of a file system
 * on a file on a full one, is told to whoever asks for the file to be synchronised, once (fsync(2)).
 */
import { fdatasync, fstatSync } from 'node:fs'
import { setInterval } from '../../base/timers.ts'

/** Milliseconds between two times a file is brought to the disk; the kernel does it as often (vm.dirty_writeback_centisecs). */
const syncInterval = 5_000

/**
 * Watches a file that somebody writes through this descriptor; anything else has no disk.
 * @param onFailure told once
 * @returns ends the watch
 */
export function watchWriteback(fd: number, onFailure: (error: Error) => void): () => void {
  if (!fstatSync(fd).isFile()) return () => {}
  let syncing = false
  let ended = false
  const end = () => {
    ended = true
    clearInterval(timer)
  }
  const timer = setInterval(() => {
    if (syncing) return
    syncing = true
    fdatasync(fd, error => {
      syncing = false
      // A file system that cannot do it says EINVAL.
      if (ended || error === null || error.code === 'EINVAL') return
      end()
      onFailure(error)
    })
  }, syncInterval)
  return end
}
