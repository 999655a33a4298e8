/** Cancellation: how a failure that was asked for is told from one that was not. */

/**
 * Tells whether something failed because a signal has aborted. Only the reason of the signal counts, or the AbortError that
 * node makes of it: any other failure is one, also while something is being stopped.
 */
export function isAbort(thrown: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false
  return thrown === signal.reason || (thrown instanceof Error && thrown.name === 'AbortError')
}
