/** The lives of each target in one stream, one after the other, and the gaps between them. */

import type { PreparedLife } from '../prepare/prepare-incarnation.ts'
import type { Incarnation } from './incarnation.ts'

/** What is known of them. */
export interface LifeHistory {
  /**
   * A life is about to begin.
   * @param last time of the last packet of the target so far, nanoseconds since 1970; asked for when the comment is made
   * @returns the comment of its first packet; undefined for the first life of a target
   */
  begin(life: PreparedLife, last: () => bigint | undefined): ((time: bigint) => string) | undefined
  /** A life has ended. */
  end(life: Incarnation): void
  /** Time of the last packet of the lives of a target that have ended. */
  lastTime(reference: string): bigint | undefined
  /** Targets that had a life. */
  references(): string[]
}

/** Begins one. */
export function makeLifeHistory(): LifeHistory {
  const targets = new Map<string, { lives: number; last: bigint | undefined }>()
  return {
    begin(prepared, last) {
      const { reference } = prepared.plan
      const before = targets.get(reference)
      const number = (before?.lives ?? 0) + 1
      targets.set(reference, { lives: number, last: before?.last })
      return before && (time => gapComment(prepared, number, time, last()))
    },
    end(life) {
      const target = targets.get(life.plan.reference)
      if (target !== undefined) target.last = life.lastTime() ?? target.last
    },
    lastTime: reference => targets.get(reference)?.last,
    references: () => [...targets.keys()],
  }
}

function gapComment({ plan }: PreparedLife, life: number, time: bigint, last: bigint | undefined): string {
  const gap = last === undefined ? 'no packet before' : `${(time - last) / 1_000_000n} ms after the last packet before`
  return `${plan.reference}, life ${life} (netns ${plan.netns}): ${gap}`
}
