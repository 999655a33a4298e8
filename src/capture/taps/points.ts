/**
 * Where an interface is captured: in the target, at the other end of its veth pair, which is the host's, or at both. What an
 * overloaded or filtering target never sees has come as far as that end.
 */
import { abortAfter } from '../../base/abort.ts'
import { RemoraError } from '../../base/errors.ts'
import type { ResolvedTarget } from '../../discover/resolve/resolve.ts'
import { findPeers } from '../../discover/resolve/veth-peer.ts'
import type { CapturedInterface } from '../../linux/capturing/device.ts'
import type { NetworkNamespace } from '../../linux/namespace/netns.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import type { CapturePoint } from '../../protocol/v1/values.ts'
import type { DirectedInterface } from '../annotate/direction.ts'
import { capturedInterface, type SourcePlan, shownName } from '../plan/plan.ts'

/** One end of an interface, where it is captured. */
export interface CapturePlace {
  /** Unique within a target. */
  readonly key: string
  /** Name of the target's own interface. */
  readonly near: string
  readonly namespace: NetworkNamespace
  readonly nif: CapturedInterface
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
  plan: SourcePlan,
  chosen: readonly CapturedInterface[],
  interfaces: readonly NetworkInterface[],
  at: CapturePoint,
): Promise<{ readonly points: readonly CapturePlace[]; close(): void }> {
  const facts = new Map(interfaces.map(nif => [nif.name, nif]))
  const inside = chosen.map(nif => ({
    ...{ key: nif.name, near: nif.name, namespace, nif },
    shown: shownName(plan, nif.name),
    facts: facts.get(nif.name),
  }))
  if (at === 'inside') return { points: inside, close: () => {} }
  const own = interfaces.filter(nif => chosen.some(one => one.name === nif.name))
  const peers = await findPeers(namespace, own, { signal: abortAfter(patience) })
  const outside = inside.flatMap(point => {
    const peer = peers.get(point.near)
    if (peer === undefined) return []
    return {
      ...point,
      key: `${point.key}@${peer.name}`,
      namespace: peer.namespace,
      nif: capturedInterface(peer, point.nif.description, plan.dumpcap.filter),
      shown: `${point.shown}@${peer.name}`,
      facts: point.facts && { ...point.facts, peer: true },
    }
  })
  const close = () => {
    for (const peer of peers.values()) peer.namespace.close()
  }
  if (at === 'both') return { points: [...inside, ...outside], close }
  if (outside.length > 0 || chosen.length === 0) return { points: outside, close }
  throw new RemoraError('INTERFACE_NOT_FOUND', `no interface of ${name} has another end that can be captured`, {
    hint: 'Only veth pairs have one, as containers on a bridge do; capture inside, or the interfaces of the host.',
  })
}
