/**
 * How many captures may be starting at a time. A start means processes, and the kernel making the buffers of a capture in
 * one go, tens of milliseconds where it cannot be preempted; with that on every processor the service would stand still for
 * those whose captures run.
 */
import { availableParallelism } from 'node:os'

/** Places for captures that are starting. */
export interface Starts {
  /**
   * Waits for a place.
   * @returns gives it back; again does nothing
   */
  enter(): Promise<() => void>
}

/**
 * Places, all free.
 * @param most at a time; one processor stays free
 */
export function makeStarts(most = Math.max(1, availableParallelism() - 1)): Starts {
  const waiting: (() => void)[] = []
  let taken = 0
  return {
    async enter() {
      if (taken < most) taken++
      else await new Promise<void>(resolve => waiting.push(resolve))
      let isHeld = true
      return () => {
        if (!isHeld) return
        isHeld = false
        const heir = waiting.shift()
        if (heir === undefined) taken--
        else heir()
      }
    },
  }
}
