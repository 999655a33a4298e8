/**
 * Interfaces and addresses by network namespace, read when first seen, when something tells that they have changed, and when
 * they look different from within.
 */
import { isDeepStrictEqual } from 'node:util'
import { inPieces } from '../../base/pieces.ts'
import { networkFingerprint } from '../../linux/network/fingerprint.ts'
import type { Target } from '../../model/target.ts'
import type { HostChange } from '../host/changes.ts'
import { addInterfaces, oneOfEach } from './interfaces.ts'
import type { Discovery } from './targets.ts'

/** Milliseconds until a namespace is looked into again, by the number of those that are looked into likewise. */
export interface CacheIntervals {
  /** Whether anything has changed, seen from a process in it: 0.1 ms. */
  fingerprint(count: number): number
  /** By ip(8), where no process is to see it from: 1.5 ms. */
  hidden(count: number): number
  /** By ip(8), where one is: for what its fingerprint does not tell. */
  seen(count: number): number
}

/** Those of a watch: the looks take no more than 0.3 % of a core however many namespaces there are. */
const watchIntervals: CacheIntervals = {
  fingerprint: count => 50 * count,
  hidden: count => Math.max(60_000, 500 * count),
  seen: count => Math.max(600_000, 500 * count),
}

/** What was read of a namespace. */
interface Known {
  /** The target it was read for: of a namespace that only a mount keeps, another name means another one. */
  readonly reference: string
  readonly details: Pick<Target, 'interfaces' | 'addresses'>
  /** Process it is seen from. */
  readonly pid: number
  readonly fingerprint: string | undefined
  readonly readAt: number
  comparedAt: number
  /** It is to be read again. */
  isOld: boolean
}

/** What is known of the namespaces of a watch. */
export interface NamespaceCache {
  /** Finds those that are to be read again with the next look; whether there are any. */
  findOld(): Promise<boolean>
  /**
   * Fills in interfaces and addresses, reading what is not known, and what changes tell of.
   * @throws the reason of the signal when that aborts
   */
  fill(
    targets: readonly Target[],
    changes: readonly HostChange[],
    signal: AbortSignal,
  ): Promise<Pick<Discovery, 'targets' | 'warnings'>>
  /** How often a namespace was seen to be different from before. */
  readonly changes: () => number
}

/** A cache that knows nothing yet. */
export function namespaceCache(intervals: CacheIntervals = watchIntervals): NamespaceCache {
  const known = new Map<number, Known>()
  let differences = 0
  const isOld = (netns: number, namespace: Known, hidden: number): boolean => {
    const { pid, fingerprint, readAt, comparedAt } = namespace
    const now = performance.now()
    if (fingerprint === undefined) return now - readAt >= intervals.hidden(hidden)
    if (now - readAt >= intervals.seen(known.size)) return true
    if (now - comparedAt < intervals.fingerprint(known.size)) return false
    namespace.comparedAt = now
    return networkFingerprint(pid, netns) !== fingerprint
  }
  /** Forgets what is gone, and what is to be read anew. */
  const forget = (targets: readonly Target[], changes: readonly HostChange[]) => {
    const changed = new Set(changes.flatMap(change => (change.source === 'container' ? change.event.id : [])))
    const present = new Set(targets.map(({ netns }) => netns))
    for (const netns of known.keys()) if (!present.has(netns)) known.delete(netns)
    for (const { reference, pid, container, members = [], netns } of targets) {
      if (pid === 0 && known.get(netns)?.reference !== reference) known.delete(netns)
      if ([container, ...members].some(holder => holder !== undefined && changed.has(holder.id))) known.delete(netns)
    }
  }
  /** Notes what was read of a namespace just now. */
  const note = ({ reference, netns, pid, interfaces, addresses }: Target, fingerprint: string | undefined) => {
    const details = { interfaces, addresses }
    const before = known.get(netns)
    if (before !== undefined && !isDeepStrictEqual(before.details, details)) differences++
    const now = performance.now()
    known.set(netns, { reference, details, pid, fingerprint, readAt: now, comparedAt: now, isOld: false })
  }
  return {
    changes: () => differences,
    async findOld() {
      const hidden = [...known.values()].filter(({ fingerprint }) => fingerprint === undefined).length
      await inPieces([...known], ([netns, namespace]) => {
        namespace.isOld ||= isOld(netns, namespace, hidden)
      })
      return [...known.values()].some(namespace => namespace.isOld)
    },
    async fill(targets, changes, signal) {
      forget(targets, changes)
      const unread = oneOfEach(targets).filter(({ netns }) => known.get(netns)?.isOld !== false)
      // Taken before, so that what changes while they are read is found with the next comparison.
      const look = ({ pid, netns }: Target) => [netns, networkFingerprint(pid, netns)] as const
      const fingerprints = new Map(await inPieces(unread, look, signal))
      const read = await addInterfaces(unread, signal)
      for (const [index, target] of read.targets.entries()) {
        // What could not be read is tried again with the next look.
        if (target !== unread[index]) note(target, fingerprints.get(target.netns))
      }
      const filled = targets.map(target => ({ ...target, ...known.get(target.netns)?.details }))
      return { targets: filled, warnings: read.warnings }
    },
  }
}
