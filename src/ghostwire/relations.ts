/**
 * Which interface an interface is stacked on or paired with, across namespaces. The kernel tells the index of the other
 * one and, as a number that means something in this namespace only (netnsid), which namespace it is in. What a number
 * means is learned from veth pairs, since both ends tell of each other, or was asked for.
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
  /** Namespaces in which the meaning of a number stayed open. */
  readonly open: readonly number[]
}

type Stack = Pick<NamespaceSnapshot, 'netns' | 'links'>

/** Finds the other interface of each, in time that grows with their number. */
export function relate(namespaces: readonly Stack[], known: NamespaceIds = new Map()): Relations {
  const all = namespaces.flatMap(({ netns, links }) => links.map(link => ({ netns, link })))
  const byIndex = new Map(all.map(place => [`${place.netns} ${place.link.index}`, place]))
  const byName = new Map(all.map(place => [`${place.netns} ${place.link.name}`, place]))
  const veths = Map.groupBy(all.filter(isForeignVeth), ({ link }) => `${link.index} ${indexBelow(link)}`)
  const ids = new Map([...known].map(([netns, meanings]) => [netns, new Map(meanings)]))
  const lowers = new Map<Link, Located>()

  const settle = (place: Located, lower: Located) => {
    lowers.set(place.link, lower)
    learn(ids, place, lower.netns)
    if (isForeignVeth(place)) learn(ids, lower, place.netns)
  }
  const find = ({ netns, link }: Located): Located | undefined => {
    if (link.lower === undefined) return undefined
    if ('name' in link.lower) return byName.get(`${netns} ${link.lower.name}`)
    const there = ids.get(netns)?.get(link.lower.nsid)
    if (there !== undefined) return byIndex.get(`${there} ${link.lower.index}`)
    if (link.kind !== 'veth') return undefined
    const candidates = veths.get(`${link.lower.index} ${link.index}`) ?? []
    const [only, ...more] = candidates.length > 3 ? candidates : candidates.filter(other => other.netns !== netns)
    return more.length === 0 ? only : undefined
  }
  let pending = all.filter(({ link }) => link.lower !== undefined)
  for (let before = Infinity; pending.length < before; ) {
    before = pending.length
    pending = pending.filter(place => {
      const lower = find(place)
      if (lower !== undefined) settle(place, lower)
      return lower === undefined
    })
  }
  return { lowers, open: [...new Set(pending.filter(isForeign).map(({ netns }) => netns))].sort((a, b) => a - b) }
}

function isForeign({ link }: Located): boolean {
  return link.lower !== undefined && 'nsid' in link.lower
}

function isForeignVeth(place: Located): boolean {
  return place.link.kind === 'veth' && isForeign(place)
}

function indexBelow({ lower }: Link): number | undefined {
  return lower !== undefined && 'index' in lower ? lower.index : undefined
}

function learn(ids: Map<number, Map<number, number>>, { netns, link }: Located, meaning: number): void {
  if (link.lower === undefined || !('nsid' in link.lower)) return
  const meanings = ids.get(netns) ?? new Map<number, number>()
  ids.set(netns, meanings.set(link.lower.nsid, meaning))
}
