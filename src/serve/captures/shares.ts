/**
 * A bounded box of what waits to be collected. One client has a share of it at most; where it is full, the client who has the
 * most gives its eldest up for a client that has fewer.
 */

/** Something in the box. */
export interface Share<T> {
  readonly content: T
  /** The client, as limits count it. */
  readonly peer: string
}

/** What waits, in the order of its age. */
export interface Shares<T> {
  readonly size: number
  /** Things of a client. */
  count(peer: string): number
  /** Whether there is no place for one more of this client. */
  isFull(peer: string): boolean
  /** Puts something in, where there is a place. @returns what was given up for it */
  put(key: string, content: T, peer: string): T | undefined
  take(key: string): T | undefined
  /** The eldest of a client; of all where it has none, or none is named. */
  eldest(peer?: string): readonly [key: string, share: Share<T>] | undefined
}

/**
 * A box, empty.
 * @param most things at a time
 * @param mostPerPeer of them of one client
 */
export function makeShares<T>(most: number, mostPerPeer: number): Shares<T> {
  const shares = new Map<string, Share<T>>()
  const counts = new Map<string, number>()
  const count = (peer: string) => counts.get(peer) ?? 0
  const take = (key: string): T | undefined => {
    const found = shares.get(key)
    if (found === undefined) return undefined
    shares.delete(key)
    const left = count(found.peer) - 1
    if (left > 0) counts.set(found.peer, left)
    else counts.delete(found.peer)
    return found.content
  }
  /** Who has the most. */
  const greatest = () => [...counts].reduce((greater, one) => (one[1] > greater[1] ? one : greater), ['', 0] as const)
  const first = () => shares.entries().next().value
  const eldest = (peer?: string) =>
    (peer === undefined ? undefined : [...shares].find(([, share]) => share.peer === peer)) ?? first()
  return {
    get size() {
      return shares.size
    },
    count,
    isFull: peer => count(peer) >= mostPerPeer || (shares.size >= most && count(peer) + 1 >= greatest()[1]),
    put(key, content, peer) {
      const [given = ''] = shares.size < most ? [] : (eldest(greatest()[0]) ?? [])
      const givenUp = take(given)
      shares.set(key, { content, peer })
      counts.set(peer, count(peer) + 1)
      return givenUp
    },
    take,
    eldest,
  }
}
