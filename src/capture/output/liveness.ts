/** Whether anybody still wants what is captured: the reader of the output, and the process that asked for it. */
import { setInterval } from '../../base/timers.ts'
import { readerCheck } from '../../linux/files/readers.ts'
import { doesAcknowledge } from '../../linux/network/tcp.ts'

/** Who has gone. */
export type LostInterest = 'reader-gone' | 'parent-gone'

/** Milliseconds between two looks. */
export const watchInterval = 500

/**
 * Looks after the reader and the parent.
 * @param output descriptor that is written to; undefined while it is not open
 * @param parent process whose child this one must be; undefined when that does not matter
 * @returns a check that tells who has gone
 */
export function interestCheck(output: number | undefined, parent: number | undefined): () => LostInterest | undefined {
  const hasReader = output === undefined ? () => true : readerCheck(output)
  return () => {
    if (!hasReader()) return 'reader-gone'
    return parent !== undefined && process.ppid !== parent ? 'parent-gone' : undefined
  }
}

/**
 * Runs an action for as long as somebody wants what comes of it.
 * @returns what came of it, or who has gone
 */
export async function whileWanted<T>(
  check: () => LostInterest | undefined,
  signal: AbortSignal,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T | LostInterest> {
  const unwanted = new AbortController()
  let lost: LostInterest | undefined
  const timer = setInterval(() => {
    lost ??= check()
    if (lost !== undefined) unwanted.abort()
  }, watchInterval)
  try {
    return await action(AbortSignal.any([signal, unwanted.signal]))
  } catch (error) {
    if (lost !== undefined && !signal.aborted) return lost
    throw error
  } finally {
    clearInterval(timer)
  }
}

/** Whether the machine at the other end of a TCP connection is still there; without a connection it is. */
export async function isPeerThere(localPort: number | undefined, remotePort: number | undefined): Promise<boolean> {
  if (localPort === undefined || remotePort === undefined) return true
  return (await doesAcknowledge(localPort, remotePort).catch(() => undefined)) ?? false
}
