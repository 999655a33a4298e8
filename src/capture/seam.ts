/**
 * The seam between the head of a life, which was captured before its interfaces could be opened, and its interfaces. They run
 * side by side for a moment, and the clock divides them: packets from before an instant soon after the interfaces were armed
 * come from the head, all others from the interfaces. The kernel stamps a packet once for all who see it (net/core/dev.c), so
 * none is lost there and none comes twice.
 */
import { setTimeout } from '../base/timers.ts'
import { type Accept, packetField } from '../pcapng/lane.ts'
import { joined } from '../pcapng/merge.ts'
import { directionOf } from './direction.ts'
import { cookedInterface, type Head } from './head.ts'
import { type SourcePlan, shownName } from './plan.ts'
import type { Weave, WovenSource } from './weave.ts'
import type { SourceOptions } from './weave-source.ts'

/** The head in its stream, and what divides it from the interfaces. */
export interface Seam {
  readonly woven: WovenSource
  /** Packets that an interface may bring. */
  readonly accept: Accept
  /** The interfaces are armed: the head goes on for {@link overlap} and ends. */
  cut(): void
  isCut(): boolean
  /** Ends the head when what is on its way has been written, or at once. */
  finish(): void
  close(): void
}

/**
 * Milliseconds for which the head goes on once the interfaces are armed: dumpcap loses the last 250 ms of an interface that
 * goes, `any` loses none, so a container that ends so soon is captured whole.
 */
const overlap = 300

/** Weaves a head in, which stays the caller's. */
export function openSeam(
  head: Head,
  weave: Weave,
  plan: SourcePlan,
  { comment, withDirection }: Pick<SourceOptions, 'comment'> & { readonly withDirection: boolean },
): Seam {
  let instant: bigint | undefined
  const woven = weave.open(
    { stream: head.stream },
    {
      name: shownName(plan, 'any'),
      comment,
      ...(withDirection && { decorate: type => directionOf(type, undefined) }),
      accept: (words, at) =>
        (instant === undefined || timeOf(words, at) < instant) && isWanted(plan, cookedInterface(words, at)),
    },
  )
  return {
    woven,
    accept: (words, at) => instant !== undefined && timeOf(words, at) >= instant,
    cut() {
      instant = BigInt(Date.now() + overlap) * 1_000_000n
      setTimeout(() => head.finish(), overlap)
    },
    isCut: () => instant !== undefined,
    finish: () => head.finish(),
    close: () => head.close(),
  }
}

function timeOf(words: Int32Array, at: number): bigint {
  return joined(words[at + packetField.timeHigh] as number, words[at + packetField.timeLow] as number)
}

function isWanted({ interfaceIndexes }: SourcePlan, index: number): boolean {
  return interfaceIndexes === undefined || interfaceIndexes.includes(index)
}
