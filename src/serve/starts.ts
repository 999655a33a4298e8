/**
 * How many captures may be starting at a time. A start means processes, and the kernel making the buffers of a capture in
 * one go, tens of milliseconds where it cannot be preempted; with that on every processor the service would stand still for
 * those whose captures run.
 */
import { availableParallelism } from 'node:os'
import { setTimeout } from '../base/timers.ts'

/** Places for captures that are starting. */
export interface Starts {
  /**
   * Waits for a place.
   * @param signal ends the waiting
   * @returns gives it back; again does nothing
   * @throws the reason of the signal
   */
  enter(signal?: AbortSignal): Promise<() => void>
}

/** Milliseconds after which a place is free again: a start that takes longer waits for something that needs no processor. */
const longestStart = 5_000

/**
 * Places, all free.
 * @param most at a time; one processor stays free
 */
export function makeStarts(most = Math.max(1, availableParallelism() - 1)): Starts {
  const waiting: (() => void)[] = []
  let taken = 0
  return {
    async enter(signal) {
      signal?.throwIfAborted()
      if (taken < most) taken++
      else await turn(waiting, signal)
      const leave = once(() => {
        clearTimeout(timer)
        const heir = waiting.shift()
        if (heir === undefined) taken--
        else heir()
      })
      const timer = setTimeout(leave, longestStart).unref()
      return leave
    },
  }
}

/** Waits in a queue, until its turn or the abort of the signal. */
function turn(waiting: (() => void)[], signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const abort = () => {
    const at = waiting.indexOf(begin)
    if (at >= 0) waiting.splice(at, 1)
    reject(signal?.reason)
  }
  const begin = () => {
    signal?.removeEventListener('abort', abort)
    resolve()
  }
  signal?.addEventListener('abort', abort, { once: true })
  waiting.push(begin)
  return promise
}

function once(action: () => void): () => void {
  let done = false
  return () => {
    if (done) return
    done = true
    action()
  }
}
