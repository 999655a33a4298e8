/**
 * Interfaces and addresses by network namespace, read when first seen, when something tells that they have changed, and when
 * they look different from within.
 */
import { networkFingerprint } from '../linux/network/fingerprint.ts'
import type { Target } from '../target/model.ts'
import type { HostChange } from './changes.ts'
import { addInterfaces, oneOfEach } from './interfaces.ts'

/**
 * Milliseconds until a namespace is looked into again: at least, and for each namespace there is, so that the looks take no
 * more than 0.3 % of a core however many there are.
 */
const intervals = {
  /** Whether anything has changed, seen from a process in it: 0.1 ms. */
  fingerprint: { least: 0, each: 50 },
  /** By ip(8), where no process is to see it from: 1.5 ms. */
  hidden: { least: 60_000, each: 500 },
  /** By ip(8), where one is: for what its fingerprint does not tell. */
  seen: { least: 600_000, each: 500 },
} as const

/** What was read of a namespace. */
interface Known {
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
  findOld(): boolean
  /**
   * Fills in interfaces and addresses, reading what is not known, and what changes tell of.
   * @throws the reason of the signal when that aborts
   */
  fill(targets: readonly Target[], changes: readonly HostChange[], signal: AbortSignal): Promise<Target[]>
}

/** A cache that knows nothing yet. */
export function namespaceCache(): NamespaceCache {
  const known = new Map<number, Known>()
  const isDue = (since: number, { least, each }: { readonly least: number; readonly each: number }) =>
    performance.now() - since >= Math.max(least, each * known.size)
  const isOld = (netns: number, namespace: Known): boolean => {
    const { pid, fingerprint, readAt, comparedAt } = namespace
    if (isDue(readAt, fingerprint === undefined ? intervals.hidden : intervals.seen)) return true
    if (fingerprint === undefined || !isDue(comparedAt, intervals.fingerprint)) return false
    namespace.comparedAt = performance.now()
    return networkFingerprint(pid, netns) !== fingerprint
  }
  return {
    findOld() {
      for (const [netns, namespace] of known) namespace.isOld ||= isOld(netns, namespace)
      return [...known.values()].some(namespace => namespace.isOld)
    },
    async fill(targets, changes, signal) {
      const changed = new Set(changes.flatMap(change => (change.source === 'container' ? change.event.id : [])))
      const present = new Set(targets.map(({ netns }) => netns))
      for (const netns of known.keys()) if (!present.has(netns)) known.delete(netns)
      for (const { container, members = [], netns } of targets) {
        if ([container, ...members].some(holder => holder !== undefined && changed.has(holder.id))) known.delete(netns)
      }
      const unread = oneOfEach(targets).filter(({ netns }) => known.get(netns)?.isOld !== false)
      // Taken before, so that what changes while they are read is found with the next comparison.
      const fingerprints = new Map(unread.map(({ pid, netns }) => [netns, networkFingerprint(pid, netns)]))
      const read = await addInterfaces(unread, signal)
      const now = performance.now()
      for (const { netns, pid, interfaces, addresses } of read.targets) {
        const details = { interfaces, addresses }
        known.set(netns, {
          ...{ details, pid, fingerprint: fingerprints.get(netns) },
          ...{ readAt: now, comparedAt: now, isOld: false },
        })
      }
      return targets.map(target => ({ ...target, ...known.get(target.netns)?.details }))
    },
  }
}
