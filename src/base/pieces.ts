/** Long work in pieces: the event loop turns in between, so that captures and other clients go on. */
import { setImmediate } from 'node:timers/promises'

/** Milliseconds of one piece. */
const pieceMs = 10

/**
 * Applies an action that does not wait to every element; short work is done in one go.
 * @returns results in the order of the elements
 * @throws what the action throws; the reason of the signal when that aborts between two pieces
 */
export async function inPieces<T, R>(items: Iterable<T>, action: (item: T) => R, signal?: AbortSignal): Promise<R[]> {
  const pause = makePause()
  const results: R[] = []
  for (const item of items) {
    results.push(action(item))
    const paused = pause()
    if (paused === undefined) continue
    await paused
    signal?.throwIfAborted()
  }
  return results
}

/** Pauses of one piece of work: each call waits for the event loop when the time of a piece is over, else does nothing. */
export function makePause(): () => Promise<void> | undefined {
  let began = performance.now()
  return () =>
    performance.now() - began < pieceMs
      ? undefined
      : setImmediate().then(() => {
          began = performance.now()
        })
}
