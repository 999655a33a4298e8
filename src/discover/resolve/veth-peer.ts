/**
 * The other ends of veth pairs. The kernel tells of each interface the index of the one it is tied to, and by a number that
 * means something in this namespace only (netnsid), which namespace that is in (rtnetlink(7), IFLA_LINK and
 * IFLA_LINK_NETNSID). An index is no name: every namespace counts its own. So a pair is one only when both ends name the
 * index of the other and mean its namespace. What macvlan, vlan and the like are stacked on does not point back.
 *
 * What a number means is known of namespaces that have a process or a name (ip-netns(8)); nothing is guessed of others.
 */
import { mapLimit } from '../../base/map-limit.ts'
import { scanContained } from '../../engine/processes.ts'
import { listForeignMounts, listNamespaceMounts } from '../../linux/namespace/mountinfo.ts'
import { type NetworkNamespace, openIfThere, reopenNamespace } from '../../linux/namespace/netns.ts'
import { listInterfaces } from '../../linux/network/iproute.ts'
import { readNamespaceIds } from '../../linux/network/namespace-ids.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import { areMirrored, arePeers, netnsOfLower } from '../../model/relations.ts'
import type { Target } from '../../model/target.ts'
import { findHost } from '../host/host.ts'
import { listTenants } from '../host/processes.ts'
import { openTarget, readInterfaces } from '../list/interfaces.ts'
import { hostTarget, mountTarget, processTarget } from '../list/targets.ts'

/** The other end of an interface. */
export interface Peer {
  /** Where the other end is; open, and closed by whoever asked. */
  readonly namespace: NetworkNamespace
  readonly index: number
  readonly name: string
  readonly mac?: string
}

interface Pair {
  readonly near: NetworkInterface
  readonly far: NetworkInterface
  /** Opens the namespace of the far end. */
  open(): NetworkNamespace
}

/** Namespaces whose numbers are asked for at once: each starts two processes. */
const concurrency = 4

/**
 * Finds the other end of each interface that has one, in this namespace or in any other of this host that can be looked
 * into.
 * @param interfaces some or all of that namespace, as {@link listInterfaces} has just told them
 * @returns by the name of the near end; each with a descriptor of its own
 * @throws RemoraError FORBIDDEN, TOOL_MISSING or CAPTURE_FAILED; the reason of the signal when that aborts
 */
export async function findPeers(
  namespace: NetworkNamespace,
  interfaces: readonly NetworkInterface[],
  { signal }: { readonly signal: AbortSignal },
): Promise<Map<string, Peer>> {
  const tied = interfaces.filter(({ lower }) => lower !== undefined)
  const inside = tied.filter(({ lower }) => lower?.nsid === undefined)
  const outside = tied.filter(({ lower }) => lower?.nsid !== undefined)
  const [near, far] = await Promise.all([
    inside.length === 0 ? [] : pairsInside(namespace, inside, signal),
    outside.length === 0 ? [] : pairsOutside(namespace, outside, signal),
  ])
  signal.throwIfAborted()
  return openAll([...near, ...far])
}

async function pairsInside(
  namespace: NetworkNamespace,
  ends: readonly NetworkInterface[],
  signal: AbortSignal,
): Promise<Pair[]> {
  const netns = namespace.inode
  const all = await listInterfaces(namespace, signal)
  return ends.flatMap(near =>
    all
      .filter(far => arePeers({ netns, nif: near }, { netns, nif: far }))
      .map(far => ({ near, far, open: () => reopenNamespace(namespace) })),
  )
}

async function pairsOutside(
  namespace: NetworkNamespace,
  ends: readonly NetworkInterface[],
  signal: AbortSignal,
): Promise<Pair[]> {
  const here = ends.map(nif => ({ netns: namespace.inode, nif }))
  const own = await readNamespaceIds(namespace, signal)
  const ids = new Map([[namespace.inode, own]])
  const meant = new Set(here.map(near => netnsOfLower(near, ids)))
  const places = (await listPlaces(signal)).filter(({ netns }) => meant.has(netns) && netns !== namespace.inode)
  const { found } = await readInterfaces(places, signal)
  const pairs = await mapLimit(places, concurrency, async place => {
    const there = (found.get(place.netns) ?? []).map(nif => ({ netns: place.netns, nif }))
    const candidates = here
      .filter(near => netnsOfLower(near, ids) === place.netns)
      .flatMap(near => there.filter(far => areMirrored(near.nif, far.nif)).map(far => ({ near, far })))
    if (candidates.length === 0) return []
    const both = new Map([...ids, [place.netns, await readIdsOf(place, signal)]])
    return candidates
      .filter(({ near, far }) => arePeers(near, far, both))
      .map(({ near, far }) => ({ near: near.nif, far: far.nif, open: () => openTarget(place) }))
  })
  return pairs.flat()
}

/** Nothing is known of a namespace that cannot be looked into or has gone. */
async function readIdsOf(place: Target, signal: AbortSignal): Promise<ReadonlyMap<number, number>> {
  try {
    const namespace = openTarget(place)
    try {
      return await readNamespaceIds(namespace, signal)
    } finally {
      namespace.close()
    }
  } catch {
    signal.throwIfAborted()
    return new Map()
  }
}

/** Every namespace once: the host's, those that are mounted, which outlive their processes, and those of processes. */
async function listPlaces(signal: AbortSignal): Promise<Target[]> {
  const host = findHost()
  const table = await scanContained(signal)
  const places = [
    ...(host === undefined ? [] : [hostTarget(host)]),
    ...listNamespaceMounts().map(mountTarget),
    ...listTenants(table).map(processTarget),
    ...(await listForeignMounts(table, signal)).map(mountTarget),
  ]
  return [...new Map(places.toReversed().map(place => [place.netns, place])).values()]
}

/** Opens what was found; what has gone meanwhile is left out. */
function openAll(pairs: readonly Pair[]): Map<string, Peer> {
  const peers = new Map<string, Peer>()
  try {
    for (const { near, far, open } of pairs) {
      const namespace = openIfThere(open)
      if (namespace === undefined) continue
      const { index, name, mac } = far
      peers.set(near.name, { namespace, index, name, ...(mac !== undefined && { mac }) })
    }
  } catch (error) {
    for (const { namespace } of peers.values()) namespace.close()
    throw error
  }
  return peers
}
