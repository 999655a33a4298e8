/**
 * Places for the interfaces of merged captures. Each interface is a dumpcap with its pipe and its buffers, some 4 MiB together, so
 * a capture has so many places, however many targets it has and whenever they come; and so has a service for all its captures.
 */
import { RemoraError } from '../../base/errors.ts'

/** Places that are taken and given back. */
export interface Places {
  /** How many are free. */
  free(): number
  /**
   * Checks that so many are free.
   * @param wanted what they are for, as the subject of a sentence
   * @throws RemoraError LIMIT
   */
  check(count: number, wanted: string): void
  /**
   * Takes so many.
   * @throws RemoraError LIMIT, and then takes none
   */
  take(count: number, wanted: string): void
  giveBack(count: number): void
  /** Gives everything back. */
  close(): void
}

/** Places of a capture. */
const mostOfCapture = 256
/** Places of all captures of a service together, unless said otherwise. */
export const mostOfService = 512

const narrower = 'Name fewer targets, fewer interfaces with -i, or all of each target together: -i any'

/** The places of one capture, which are among those of its service. */
export function capturePlaces(service?: Places): Places {
  return makePlaces(mostOfCapture, service, wanted => [
    `${wanted} are too many for one capture: at most ${mostOfCapture} interfaces are captured one by one`,
    `${narrower}.`,
  ])
}

/** The places of all captures of a service. */
export function servicePlaces(most: number): Places {
  return makePlaces(most, undefined, (wanted, free) => [
    `${wanted} are too many now: the service captures at most ${most} interfaces one by one, and ${most - free} already`,
    `${narrower}. GET /v1/captures lists what runs; remora serve --max-interfaces allows more.`,
  ])
}

function makePlaces(
  most: number,
  outer: Places | undefined,
  refusal: (wanted: string, free: number) => readonly [message: string, hint: string],
): Places {
  let taken = 0
  const check = (count: number, wanted: string) => {
    const free = most - taken
    if (count > free) {
      const [message, hint] = refusal(wanted, free)
      throw new RemoraError('LIMIT', message, { hint })
    }
    outer?.check(count, wanted)
  }
  const giveBack = (count: number) => {
    const given = Math.min(count, taken)
    taken -= given
    outer?.giveBack(given)
  }
  return {
    free: () => Math.min(most - taken, outer?.free() ?? most),
    check,
    take(count, wanted) {
      check(count, wanted)
      outer?.take(count, wanted)
      taken += count
    },
    giveBack,
    close: () => giveBack(taken),
  }
}
