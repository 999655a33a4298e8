/** Randomness from one number, for what is cheaper to make from it than to generate piece by piece. */

export interface Random {
  /** A whole number from 0, below the limit. */
  below(limit: number): number
  pick<T>(list: readonly T[]): T
}

/** mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed | 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const below = (limit: number) => next() % limit
  return { below, pick: list => list[below(list.length)] as (typeof list)[number] }
}

/** The same things in another order (Fisher and Yates). */
export function shuffled<T>(things: readonly T[], random: Random): T[] {
  const list = [...things]
  for (let at = list.length - 1; at > 0; at--) {
    const other = random.below(at + 1)
    const [here, there] = [list[at] as T, list[other] as T]
    list[at] = there
    list[other] = here
  }
  return list
}

/** Pieces of random length, empty ones left out. */
export function pieces(bytes: Buffer, longest: number, random: Random): Buffer[] {
  const list: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random.below(longest)
    list.push(bytes.subarray(at, at + size))
    at += size
  }
  return list
}
