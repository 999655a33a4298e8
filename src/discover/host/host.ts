/**
 * The host's own network namespace: that of PID 1. Where even root may not look at PID 1, kthreadd (PID 2) lives in the
 * same one; a plain user falls back to his own.
 */
import { RemoraError } from '../../base/errors.ts'
import { type NetworkNamespace, openProcessNamespace } from '../../linux/namespace/netns.ts'
import { readNamespaceInode, readStartTime } from '../../linux/process/proc.ts'

const candidates = [1, 2, process.pid]

/**
 * Opens the host's network namespace.
 * @throws RemoraError CAPTURE_FAILED when there is no process to open it through
 */
export function openHost(): NetworkNamespace {
  for (const pid of candidates) {
    try {
      return openProcessNamespace(pid)
    } catch (error) {
      if (!(error instanceof RemoraError)) throw error
    }
  }
  throw new RemoraError('CAPTURE_FAILED', "cannot open the host's network namespace", {
    hint: 'Is /proc mounted? In a container, remora needs the processes of its host: --pid=host.',
  })
}

/** The host's network namespace, and the process that speaks for it. */
export function findHost(): { readonly netns: number; readonly pid: number; readonly startTime: number } | undefined {
  for (const pid of candidates) {
    const [netns, startTime] = [readNamespaceInode(pid, 'net'), readStartTime(pid)]
    if (netns !== undefined && startTime !== undefined) return { netns, pid, startTime }
  }
  return undefined
}
