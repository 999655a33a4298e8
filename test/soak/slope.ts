/**
 * Whether something grows: the slope of samples after Theil and Sen, which a few wild ones do not move, with its interval
 * of 95 % after Sen (1968). What is used for a moment comes and goes between two samples; what is never given back lifts
 * the least that is used. So of each of a number of windows of time the lowest sample counts.
 */

export interface Sample {
  readonly seconds: number
  readonly value: number
}

/** Growth per hour: the median of all slopes, and where the true one lies in 95 of 100 cases. */
export interface Slope {
  readonly perHour: number
  readonly low: number
  readonly high: number
}

/** Windows of time; more of them depend on one another. */
const windows = 24

/** The lowest sample of each window. */
export function lowest(samples: readonly Sample[], count = windows): Sample[] {
  const size = Math.max(1, Math.ceil(samples.length / count))
  const starts = Array.from({ length: Math.ceil(samples.length / size) }, (_, at) => at * size)
  return starts.map(start =>
    samples.slice(start, start + size).reduce((least, sample) => (sample.value < least.value ? sample : least)),
  )
}

/** The slope of samples in the order of their time; three at least. */
export function slopeOf(samples: readonly Sample[]): Slope {
  const slopes = samples
    .flatMap((a, at) => samples.slice(at + 1).map(b => ((b.value - a.value) / (b.seconds - a.seconds)) * 3_600))
    .sort((a, b) => a - b)
  const count = samples.length
  // Kendall's variance without correction for ties, which would only make the interval narrower.
  const width = 1.96 * Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18)
  const at = (rank: number) => slopes[Math.min(slopes.length - 1, Math.max(0, Math.round(rank)))] ?? Number.NaN
  return {
    perHour: at((slopes.length - 1) / 2),
    low: at((slopes.length - width) / 2 - 1),
    high: at((slopes.length + width) / 2),
  }
}
