/**
 * Which interface an interface is stacked on or paired with, across namespaces. The kernel tells the index of the other
 * one and, as a number that means something in this namespace only (netnsid), which namespace it is in. Every namespace
 * counts its own indexes, and two hosts in one count alike, so indexes that mirror each other prove nothing: only the
 * kernel knows what a number means (RTM_GETNSID, rtnetlink(7)). One answer serves both ends of a veth pair, since the
 * number at the other end then means this namespace.
 */
import type { Link, NamespaceIds, NamespaceSnapshot } from './snapshot.ts'

/** An interface, and the inode of the network namespace it is in. */
export interface Located {
  readonly netns: number
  readonly link: Link
}

/** What hangs together. */
export interface Relations {
  /** The interface below one, or its peer. */
  readonly lowers: ReadonlyMap<Link, Located>
  /** Namespaces that were not asked yet, and whose answer could settle more. */
  readonly open: readonly number[]
}

type Stack = Pick<NamespaceSnapshot, 'netns' | 'links'>

/**
 * Finds the other interface of each, in time that grows with their number.
 * @param known answers of the namespaces that were asked, also where they are empty
 */
export function relate(namespaces: readonly Stack[], known: NamespaceIds = new Map()): Relations {
  const all = namespaces.flatMap(({ netns, links }) => links.map(link => ({ netns, link })))
  const byIndex = new Map(all.map(place => [`${place.netns} ${place.link.index}`, place]))
  const byName = new Map(all.map(place => [`${place.netns} ${place.link.name}`, place]))
  const ids = new Map([...known].map(([netns, meanings]) => [netns, new Map(meanings)]))
  const lowers = new Map<Link, Located>()

  const find = ({ netns, link }: Located): Located | undefined => {
    if (link.lower === undefined) return undefined
    if ('name' in link.lower) return byName.get(`${netns} ${link.lower.name}`)
    const lower = byIndex.get(`${ids.get(netns)?.get(link.lower.nsid)} ${link.lower.index}`)
    const pointsBack = lower?.link.kind === 'veth' && indexBelow(lower.link) === link.index
    return link.kind === 'veth' && !pointsBack ? undefined : lower
  }
  let pending = all.filter(({ link }) => link.lower !== undefined)
  for (let before = Infinity; pending.length < before; ) {
    before = pending.length
    pending = pending.filter(place => {
      const lower = find(place)
      if (lower === undefined) return true
      lowers.set(place.link, lower)
      if (isForeignVeth(place)) learn(ids, lower, place.netns)
      return false
    })
  }
  const unknown = pending.filter(isForeign).filter(({ netns, link }) => !ids.get(netns)?.has(link.lower.nsid))
  return { lowers, open: worthAsking(unknown, known) }
}

interface Foreign extends Located {
  readonly link: Link & { readonly lower: { readonly index: number; readonly nsid: number } }
}

function isForeign(place: Located): place is Foreign {
  return place.link.lower !== undefined && 'nsid' in place.link.lower
}

function isForeignVeth(place: Located): place is Foreign {
  return place.link.kind === 'veth' && isForeign(place)
}

function indexBelow({ lower }: Link): number | undefined {
  return lower !== undefined && 'index' in lower ? lower.index : undefined
}

/** Notes what the number means by which an interface names the namespace of the other one. */
function learn(ids: Map<number, Map<number, number>>, { netns, link }: Located, meaning: number): void {
  if (link.lower === undefined || !('nsid' in link.lower)) return
  const meanings = ids.get(netns) ?? new Map<number, number>()
  ids.set(netns, meanings.set(link.lower.nsid, meaning))
}

/** Ends with the same two indexes, above which each is asked for itself rather than compared with all others. */
const maxCompared = 8

/**
 * Chooses the namespaces to ask: of two that may hold the ends of a pair the one with more such interfaces, since its
 * answer settles them all. An end whose mirror image nobody can see is not asked for.
 */
function worthAsking(unknown: readonly Foreign[], asked: NamespaceIds): number[] {
  const ends = Map.groupBy(unknown.filter(isForeignVeth), ({ link }) => `${link.index} ${link.lower.index}`)
  const weights = new Map([...Map.groupBy(unknown, ({ netns }) => netns)].map(([netns, own]) => [netns, own.length]))
  const weightOf = (netns: number) => (asked.has(netns) ? 0 : (weights.get(netns) ?? 0))
  const chosen = new Set<number>()
  for (const { netns, link } of unknown) {
    const mirrored = link.kind === 'veth' ? (ends.get(`${link.lower.index} ${link.index}`) ?? []) : []
    if (link.kind !== 'veth' || mirrored.length > maxCompared) chosen.add(netns)
    else {
      for (const other of mirrored) {
        if (other.netns === netns) continue
        const [first, second] = netns < other.netns ? [netns, other.netns] : [other.netns, netns]
        chosen.add(weightOf(second) > weightOf(first) ? second : first)
      }
    }
  }
  return [...chosen].filter(netns => !asked.has(netns)).sort((a, b) => a - b)
}
