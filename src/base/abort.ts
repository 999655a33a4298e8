/** Cancellation: how a failure that was asked for is told from one that was not, and a deadline as a signal. */
import { setTimeout } from './timers.ts'

/**
 * Tells whether something failed because a signal has aborted. Only the reason of the signal counts, or the AbortError that
 * node makes of it: any other failure is one, also while something is being stopped.
 */
export function isAbort(thrown: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false
  return thrown === signal.reason || (thrown instanceof Error && thrown.name === 'AbortError')
}

/**
 * Aborts after so many milliseconds, as AbortSignal.timeout does, and keeps no process alive. Node 24 never lets go of a signal
 * that AbortSignal.any made of AbortSignal.timeout once another is made of it.
 */
export function abortAfter(milliseconds: number): AbortSignal {
  const late = new AbortController()
  setTimeout(() => late.abort(new DOMException('The time is up', 'TimeoutError')), milliseconds).unref()
  return late.signal
}
