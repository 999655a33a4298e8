/**
 * Want of descriptors or memory makes everything look as if it were not there. Readers of /proc take note of it here, and a
 * look at the host that decides from what it did not find asks whether it has to be believed.
 */
import { isExhaustion } from './errors.ts'

let count = 0

/** Takes note of why something could not be read. */
export function noteExhaustion(thrown: unknown): void {
  if (isExhaustion(thrown)) count++
}

/**
 * Begins a look at the host.
 * @returns tells whether something could not be read since, for want of descriptors or memory
 */
export function watchExhaustion(): () => boolean {
  const before = count
  return () => count !== before
}
