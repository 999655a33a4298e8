/**
 * The seam between the head of a life, which was captured before its interfaces could be opened, and its interfaces. Each
 * interface has a cut of its own, since they come one after another. Both capture side by side for a moment, and the clock
 * divides them: packets from before an instant soon after the interface was armed come from the head, all others from the
 * interface. The kernel stamps a packet once for all who see it (net/core/dev.c), so none is lost there and none comes twice.
 * An interface without a cut is the head's alone.
 */
import { type Accept, packetField } from '../../pcapng/lane.ts'
import { joined } from '../../pcapng/merge.ts'
import { directionOf } from '../annotate/direction.ts'
import { cookedInterface, type Head } from '../early/early-capture.ts'
import { type SourcePlan, shownName } from '../plan/plan.ts'
import type { Weave, WovenSource } from './merge.ts'
import type { SourceOptions } from './merge-input.ts'

/** The head in its stream, and what divides it from the interfaces. */
export interface Seam {
  readonly woven: WovenSource
  /** Packets that the source of an interface may bring; index 0 is `any`. */
  acceptOf(index: number): Accept
  /** The source of an interface captures: the head has its packets for {@link overlap} more. */
  cut(index: number, loopback: boolean): void
  /** The source of an interface has ended, with a packet of that time: what comes now is the head's again. */
  mend(index: number, last: bigint | undefined): void
  isCut(): boolean
  /** Whether the head may end: every packet before the cuts is written, and no interface has come for a while. */
  isSettled(): boolean
  /** Packets the head has lost. */
  lost(): number
  /** Ends the head when what is on its way has been written, or at once. */
  finish(): void
  close(): void
}

/**
 * Milliseconds for which an interface is the head's once it is armed: dumpcap loses the last 250 ms of an interface that
 * goes, `any` loses none, so a container that ends so soon is captured whole.
 */
const overlap = 300

/**
 * Milliseconds the head goes on after the latest cut. Of named interfaces none is to come; others come one after another, and
 * the loopback interface is there before them.
 */
const goesOn = { named: 1_000, others: 2_000, loopbackOnly: 10_000 } as const

/** What a seam is told about its life. */
interface SeamOptions extends Pick<SourceOptions, 'comment'> {
  readonly withDirection: boolean
  /** Whether packets of an interface are wanted that is captured by nobody else yet. */
  readonly isWanted: (index: number) => boolean
}

/** Weaves a head in, which stays the caller's. */
export function openSeam(
  head: Head,
  weave: Weave,
  plan: SourcePlan,
  { comment, withDirection, isWanted }: SeamOptions,
): Seam {
  /** From when on packets are the interface's; undefined: from the first that it brings. */
  const cuts = new Map<number, bigint | undefined>()
  /** Last packets of sources that have ended. */
  const before = new Map<number, bigint>()
  let latest: number | undefined
  let goesOnFor: number = plan.everyInterface ? goesOn.loopbackOnly : goesOn.named

  const isOfHead = (index: number, time: bigint) => {
    if (time <= (before.get(index) ?? 0n)) return false
    const cut = cuts.get(0) ?? cuts.get(index)
    if (cut !== undefined) return time < cut
    return cuts.has(index) || isWanted(index)
  }
  const woven = weave.open(
    { stream: head.stream },
    {
      name: shownName(plan, 'any'),
      comment,
      ...(withDirection && { decorate: type => directionOf(type, undefined) }),
      accept: (words, at) => isOfHead(cookedInterface(words, at), timeOf(words, at)),
    },
  )
  return {
    woven,
    acceptOf: index => (words, at) => {
      const time = timeOf(words, at)
      // Without a head that reads, its first packet is the first there is.
      if (cuts.get(index) === undefined && (cuts.has(index) || !head.isReading())) cuts.set(index, time)
      const cut = cuts.get(index)
      return cut !== undefined && time >= cut
    },
    cut(index, loopback) {
      latest = performance.now()
      if (plan.everyInterface && !loopback) goesOnFor = goesOn.others
      if (cuts.get(index) !== undefined) return
      cuts.set(index, head.isReading() ? BigInt(Date.now() + overlap) * 1_000_000n : undefined)
    },
    mend(index, last) {
      cuts.delete(index)
      if (last !== undefined) before.set(index, last)
    },
    isCut: () => latest !== undefined,
    isSettled: () => latest !== undefined && performance.now() - latest >= goesOnFor,
    lost: () => head.dropped() + woven.lost(),
    finish: () => head.finish(),
    close: () => head.close(),
  }
}

function timeOf(words: Int32Array, at: number): bigint {
  return joined(words[at + packetField.timeHigh] as number, words[at + packetField.timeLow] as number)
}
