/**
 * Which interface an interface is stacked on or paired with, across namespaces. The kernel tells the index of the other
 * one and, as a number that means something in this namespace only (netnsid), which namespace it is in. Every namespace
 * counts its own indexes, and two hosts in one count alike, so indexes that mirror each other prove nothing: only the
 * kernel knows what a number means (RTM_GETNSID, rtnetlink(7)). One answer serves both ends of a veth pair, since the
 * number at the other end then means this namespace.
 */
import type { NamespaceIds, Netstack } from './host.ts'
import type { DetailedInterface, LinkReference, NetworkInterface } from './interface.ts'

/** An interface, and the inode of the network namespace it is in. */
export interface Located<Interface extends NetworkInterface = DetailedInterface> {
  readonly netns: number
  readonly nif: Interface
}

/** What hangs together. */
export interface Relations {
  /** The interface below one, or its peer. */
  readonly lowers: ReadonlyMap<DetailedInterface, Located>
  /** Those above one, in the order of their namespaces and indexes. */
  readonly uppers: ReadonlyMap<DetailedInterface, readonly Located[]>
  /** Namespaces that were not asked yet, and whose answer could settle more. */
  readonly open: readonly number[]
}

type Stack = Pick<Netstack, 'netns' | 'interfaces'>

/**
 * Finds the other interface of each, in time that grows with their number.
 * @param known answers of the namespaces that were asked, also where they are empty
 */
export function relate(namespaces: readonly Stack[], known: NamespaceIds = new Map()): Relations {
  const all = namespaces.flatMap(({ netns, interfaces }) => interfaces.map(nif => ({ netns, nif })))
  const byIndex = new Map(all.map(place => [`${place.netns} ${place.nif.index}`, place]))
  const ids = new Map([...known].map(([netns, meanings]) => [netns, new Map(meanings)]))
  const lowers = new Map<DetailedInterface, Located>()

  const find = (place: Located): Located | undefined => {
    const { nif } = place
    if (nif.lower === undefined) return undefined
    const lower = byIndex.get(`${netnsOfLower(place, ids)} ${nif.lower.index}`)
    if (nif.kind !== 'veth' || nif.lower.nsid === undefined) return lower
    return lower?.nif.kind === 'veth' && lower.nif.lower?.nsid !== undefined && areMirrored(nif, lower.nif)
      ? lower
      : undefined
  }
  let pending = all.filter(({ nif }) => nif.lower !== undefined)
  for (let before = Infinity; pending.length < before; ) {
    before = pending.length
    pending = pending.filter(place => {
      const lower = find(place)
      if (lower === undefined) return true
      lowers.set(place.nif, lower)
      if (isForeignVeth(place)) learn(ids, lower, place.netns)
      return false
    })
  }
  const unknown = pending.filter(isForeign).filter(({ netns, nif }) => !ids.get(netns)?.has(nif.lower.nsid))
  return { lowers, uppers: uppersOf(all, lowers), open: worthAsking(unknown, known) }
}

/** Whether two interfaces are the ends of one veth pair: each means the index and the namespace of the other. */
export function arePeers(
  a: Located<NetworkInterface>,
  b: Located<NetworkInterface>,
  ids: NamespaceIds = new Map(),
): boolean {
  const isOneInterface = a.netns === b.netns && a.nif.index === b.nif.index
  return (
    !isOneInterface && areMirrored(a.nif, b.nif) && netnsOfLower(a, ids) === b.netns && netnsOfLower(b, ids) === a.netns
  )
}

/** Whether each of two interfaces names the index of the other, in whatever namespace. */
export function areMirrored(a: NetworkInterface, b: NetworkInterface): boolean {
  return a.lower?.index === b.index && b.lower?.index === a.index
}

/** The namespace in which the lower of an interface is; undefined for none, and where its number is not known. */
export function netnsOfLower({ netns, nif }: Located<NetworkInterface>, ids: NamespaceIds): number | undefined {
  if (nif.lower === undefined) return undefined
  return nif.lower.nsid === undefined ? netns : ids.get(netns)?.get(nif.lower.nsid)
}

/** The ports of a bridge or bond. */
export function portsOf(nif: NetworkInterface, interfaces: readonly DetailedInterface[]): DetailedInterface[] {
  return interfaces.filter(({ master }) => master === nif.index)
}

/** The physical function of a virtual one (SR-IOV). */
export function physicalFunctionOf(
  { driver }: DetailedInterface,
  interfaces: readonly DetailedInterface[],
): DetailedInterface | undefined {
  return interfaces.find(other => other.driver?.role === 1 && other.driver.bus === driver?.parentBus)
}

/** Orders interfaces by namespace and index. */
export function byPlace(a: Located, b: Located): number {
  return a.netns - b.netns || a.nif.index - b.nif.index
}

/** The same relations seen from below. */
function uppersOf(all: readonly Located[], lowers: Relations['lowers']): Relations['uppers'] {
  const pairs = all.flatMap(upper => {
    const lower = lowers.get(upper.nif)
    return lower === undefined ? [] : [{ upper, lower }]
  })
  const grouped = Map.groupBy(pairs, ({ lower }) => lower.nif)
  return new Map([...grouped].map(([nif, group]) => [nif, group.map(({ upper }) => upper).sort(byPlace)]))
}

interface Foreign extends Located {
  readonly nif: DetailedInterface & { readonly lower: Required<LinkReference> }
}

function isForeign(place: Located): place is Foreign {
  return place.nif.lower?.nsid !== undefined
}

function isForeignVeth(place: Located): place is Foreign {
  return place.nif.kind === 'veth' && isForeign(place)
}

/** Notes what the number means by which an interface names the namespace of the other one. */
function learn(ids: Map<number, Map<number, number>>, place: Located, meaning: number): void {
  if (!isForeign(place)) return
  const { netns, nif } = place
  const meanings = ids.get(netns) ?? new Map<number, number>()
  ids.set(netns, meanings.set(nif.lower.nsid, meaning))
}

/** Ends with the same two indexes, above which each is asked for itself rather than compared with all others. */
const maxCompared = 8

/**
 * Chooses the namespaces to ask: of two that may hold the ends of a pair the one with more such interfaces, since its
 * answer settles them all. An end whose mirror image nobody can see is not asked for.
 */
function worthAsking(unknown: readonly Foreign[], asked: NamespaceIds): number[] {
  const ends = Map.groupBy(unknown.filter(isForeignVeth), ({ nif }) => `${nif.index} ${nif.lower.index}`)
  const weights = new Map([...Map.groupBy(unknown, ({ netns }) => netns)].map(([netns, own]) => [netns, own.length]))
  const weightOf = (netns: number) => (asked.has(netns) ? 0 : (weights.get(netns) ?? 0))
  const heavier = (a: number, b: number) => {
    const [first, second] = a < b ? [a, b] : [b, a]
    return weightOf(second) > weightOf(first) ? second : first
  }
  const candidates = ({ netns, nif }: Foreign): number[] => {
    if (nif.kind !== 'veth') return [netns]
    const mirrored = ends.get(`${nif.lower.index} ${nif.index}`) ?? []
    if (mirrored.length > maxCompared) return [netns]
    return mirrored.flatMap(other => (other.netns === netns ? [] : [heavier(netns, other.netns)]))
  }
  const chosen = new Set(unknown.flatMap(candidates))
  return [...chosen].filter(netns => !asked.has(netns)).sort((a, b) => a - b)
}
