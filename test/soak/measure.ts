/** What a service and a watch hold, sample by sample, and the verdict over all of them. */
import { readdirSync } from 'node:fs'
import { descriptorCount } from '../helpers/leaks.ts'
import { childrenOf, memoryOf } from '../helpers/process.ts'
import { lowest, type Sample, type Slope, slopeOf } from './slope.ts'

/** A process that lives as long as the soak. */
export interface Watched {
  readonly name: string
  readonly pid: number
  /** Its folder for temporary files. */
  readonly folder: string
}

/** What may grow without end, and by how much it may seem to: in all, or for each capture, whichever is more. */
export const limits = {
  descriptors: { total: 2, perCapture: 0.1 },
  processes: { total: 2, perCapture: 0.1 },
  threads: { total: 2, perCapture: 0.1 },
  files: { total: 1, perCapture: 0.1 },
  // V8 gives memory back late: some MiB come and go with the collections of a run.
  'RSS KiB': { total: 16_384, perCapture: 5 },
  'RssAnon KiB': { total: 16_384, perCapture: 5 },
  captures: { total: 1, perCapture: 0.1 },
  // Those nobody comes for wait a minute.
  tickets: { total: 25, perCapture: 0.1 },
} as const

export type Measure = keyof typeof limits
export type Measured = Readonly<Partial<Record<Measure, number>>>

/** What a process holds now. */
export function look({ pid, folder }: Watched): Measured {
  return {
    descriptors: descriptorCount(pid),
    processes: childrenOf(pid).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    files: readdirSync(folder).length,
    'RSS KiB': memoryOf(pid) * 1024,
    'RssAnon KiB': memoryOf(pid, 'RssAnon') * 1024,
  }
}

/** What is at most growth that is none, over a time in which so many captures ended. */
export function allowedGrowth(measure: Measure, captures: number): number {
  return Math.max(limits[measure].total, limits[measure].perCapture * captures)
}

export interface Verdict extends Slope {
  readonly measure: Measure
  /** Growth per hour above which it fails. */
  readonly limit: number
  readonly grows: boolean
}

/**
 * Judges the samples of one measure.
 * @param captures how many ended between the first and the last sample
 */
export function judge(measure: Measure, samples: readonly Sample[], captures: number): Verdict {
  const slope = slopeOf(lowest(samples))
  const hours = ((samples.at(-1)?.seconds ?? 0) - (samples[0]?.seconds ?? 0)) / 3_600
  const limit = allowedGrowth(measure, captures) / hours
  return { measure, ...slope, limit, grows: slope.low > limit }
}
