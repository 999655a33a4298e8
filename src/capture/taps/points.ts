/**
 * Where an interface is captured: in the target, at the other end of its veth pair, which is the host's, or at both. What an
 * overloaded or filtering target never sees has come as far as that end.
 */
import { abortAfter } from '../../base/abort.ts'
import { RemoraError } from '../../base/errors.ts'
import type { ResolvedTarget } from '../../discover/resolve/resolve.ts'
import { findPeers } from '../../discover/resolve/veth-peer.ts'
import type { NetworkNamespace } from '../../linux/namespace/netns.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import type { DirectedInterface } from '../annotate/direction.ts'
import { foundPeer, type TapPlan } from '../plan/taps.ts'

/** One end of an interface, where it is captured. */
export interface CapturePlace {
  readonly tap: TapPlan
  /** Unique within a target. */
  readonly key: string
  /** Name of the target's own interface. */
  readonly near: string
  readonly namespace: NetworkNamespace
  /** Name in the capture. */
  readonly shown: string
  /** The target's own interface, and what tells the direction of its packets; undefined for `any`. */
  readonly facts: (DirectedInterface & NetworkInterface) | undefined
}

/** Milliseconds within which the other ends must be found. */
const patience = 5_000

/**
 * Finds the points of interfaces.
 * @returns with what releases the namespaces of other ends, once their captures have started
 * @throws RemoraError INTERFACE_NOT_FOUND when none of them has another end, and that alone was asked for
 */
export async function findPoints(
  { name, namespace }: Pick<ResolvedTarget, 'name' | 'namespace'>,
  taps: readonly TapPlan[],
  interfaces: readonly NetworkInterface[],
): Promise<{ readonly points: readonly CapturePlace[]; close(): void }> {
  const facts = new Map(interfaces.map(nif => [nif.name, nif]))
  const placeOf = (tap: TapPlan, namespace: NetworkNamespace): CapturePlace => ({
    ...{ tap, namespace, shown: tap.shown },
    ...{ key: tap.interface.name, near: tap.interface.name, facts: facts.get(tap.interface.name) },
  })
  const inside = taps.filter(({ point }) => point === 'inside').map(tap => placeOf(tap, namespace))
  const outer = taps.filter(({ point }) => point === 'peer')
  if (outer.length === 0) return { points: inside, close: () => {} }
  const own = interfaces.filter(nif => outer.some(tap => tap.interface.name === nif.name))
  const peers = await findPeers(namespace, own, { signal: abortAfter(patience) })
  const outside = outer.flatMap(tap => {
    const peer = peers.get(tap.interface.name)
    if (peer === undefined) return []
    const place = placeOf(foundPeer(tap, { ...peer, netns: peer.namespace.inode }), peer.namespace)
    return {
      ...place,
      key: `${place.near}@${peer.name}`,
      facts: place.facts && { ...place.facts, peer: true },
    }
  })
  const close = () => {
    for (const peer of peers.values()) peer.namespace.close()
  }
  if (inside.length > 0 || outside.length > 0) return { points: [...inside, ...outside], close }
  throw new RemoraError('INTERFACE_NOT_FOUND', `no interface of ${name} has another end that can be captured`, {
    hint: 'Only veth pairs have one, as containers on a bridge do; capture inside, or the interfaces of the host.',
  })
}
