/**
 * The handover from the early capture of an incarnation, which began before its interfaces could be opened, to its interfaces.
 * Each interface takes over for itself, since they come one after another. Both capture side by side for a moment, and the clock
 * divides them: packets from before an instant soon after the interface was armed come from the early capture, all others from the
 * interface. The kernel stamps a packet once for all who see it (net/core/dev.c), so none is lost there and none comes twice.
 * An interface that has not taken over is the early capture's alone.
 */
import { type Accept, packetField } from '../../pcapng/lane.ts'
import { joined } from '../../pcapng/merge.ts'
import { directionOf } from '../annotate/direction.ts'
import { cookedInterface, type Head } from '../early/early-capture.ts'
import type { SourcePlan } from '../plan/plan.ts'
import { shownName } from '../plan/taps.ts'
import type { Weave, WovenSource } from './merge.ts'
import type { SourceOptions } from './merge-input.ts'

/** The early capture in its stream, and what divides it from the interfaces. */
export interface Handover {
  readonly woven: WovenSource
  /** Packets that the source of an interface may bring; index 0 is `any`. */
  acceptOf(index: number): Accept
  /** The source of an interface captures: the early capture has its packets for {@link overlap} more. */
  takeOver(index: number, loopback: boolean): void
  /** The source of an interface has ended, with a packet of that time: what comes now is the early capture's again. */
  handBack(index: number, last: bigint | undefined): void
  hasBegun(): boolean
  /** Whether the early capture may end: every packet before the cuts is written, and no interface has come for a while. */
  isSettled(): boolean
  /** Packets the early capture has lost. */
  lost(): number
  /** Ends the early capture when what is on its way has been written, or at once. */
  finish(): void
  close(): void
}

/**
 * Milliseconds for which an interface is the early capture's once it is armed: dumpcap loses the last 250 ms of an interface that
 * goes, `any` loses none, so a container that ends so soon is captured whole.
 */
const overlap = 300

/**
 * Milliseconds the early capture goes on after the latest takeover. Of named interfaces none is to come; others come one after another, and
 * the loopback interface is there before them.
 */
const goesOn = { named: 1_000, others: 2_000, loopbackOnly: 10_000 } as const

/** What a handover is told about its incarnation. */
interface HandoverOptions extends Pick<SourceOptions, 'comment'> {
  readonly withDirection: boolean
  /** Whether packets of an interface are wanted that is captured by nobody else yet. */
  readonly isWanted: (index: number) => boolean
}

/** Merges an early capture in, which stays the caller's. */
export function openHandover(
  early: Head,
  weave: Weave,
  plan: SourcePlan,
  { comment, withDirection, isWanted }: HandoverOptions,
): Handover {
  /** From when on packets are the interface's; undefined: from the first that it brings. */
  const cuts = new Map<number, bigint | undefined>()
  /** Last packets of sources that have ended. */
  const before = new Map<number, bigint>()
  let latest: number | undefined
  let goesOnFor: number = plan.everyInterface ? goesOn.loopbackOnly : goesOn.named

  const isEarly = (index: number, time: bigint) => {
    if (time <= (before.get(index) ?? 0n)) return false
    const cut = cuts.get(0) ?? cuts.get(index)
    if (cut !== undefined) return time < cut
    return cuts.has(index) || isWanted(index)
  }
  const woven = weave.open(
    { stream: early.stream },
    {
      name: shownName(plan, 'any'),
      comment,
      ...(withDirection && { decorate: type => directionOf(type, undefined) }),
      accept: (words, at) => isEarly(cookedInterface(words, at), timeOf(words, at)),
    },
  )
  return {
    woven,
    acceptOf: index => (words, at) => {
      const time = timeOf(words, at)
      // Without an early capture that reads, its first packet is the first there is.
      if (cuts.get(index) === undefined && (cuts.has(index) || !early.isReading())) cuts.set(index, time)
      const cut = cuts.get(index)
      return cut !== undefined && time >= cut
    },
    takeOver(index, loopback) {
      latest = performance.now()
      if (plan.everyInterface && !loopback) goesOnFor = goesOn.others
      if (cuts.get(index) !== undefined) return
      cuts.set(index, early.isReading() ? BigInt(Date.now() + overlap) * 1_000_000n : undefined)
    },
    handBack(index, last) {
      cuts.delete(index)
      if (last !== undefined) before.set(index, last)
    },
    hasBegun: () => latest !== undefined,
    isSettled: () => latest !== undefined && performance.now() - latest >= goesOnFor,
    lost: () => early.dropped() + woven.lost(),
    finish: () => early.finish(),
    close: () => early.close(),
  }
}

function timeOf(words: Int32Array, at: number): bigint {
  return joined(words[at + packetField.timeHigh] as number, words[at + packetField.timeLow] as number)
}
