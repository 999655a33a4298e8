/**
 * The host's own network namespace: that of PID 1. Where even root may not look at PID 1, kthreadd (PID 2) lives in the
 * same one; a plain user falls back to his own.
 */
import { RemoraError } from '../base/errors.ts'
import { type NetworkNamespace, openProcessNamespace } from '../linux/netns.ts'
import { readNamespaceInode } from '../linux/proc.ts'

const candidates = [1, 2, process.pid]

/** Opens the host's network namespace. */
export function openHost(): NetworkNamespace {
  for (const pid of candidates) {
    try {
      return openProcessNamespace(pid)
    } catch (error) {
      if (!(error instanceof RemoraError)) throw error
    }
  }
  throw new RemoraError('CAPTURE_FAILED', "cannot open the host's network namespace: is /proc mounted?")
}

/** Inode of the host's network namespace. */
export function hostInode(): number | undefined {
  return candidates.map(pid => readNamespaceInode(pid, 'net')).find(inode => inode !== undefined)
}
