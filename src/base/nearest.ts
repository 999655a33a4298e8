/** The names that were perhaps meant by one that nobody has. */

/** The hint that goes with a name nobody has: the nearest ones, or what else to do. */
export function didYouMean(names: readonly string[], otherwise: string): string {
  return names.length > 0 ? `Did you mean ${names.join(', ')}?` : otherwise
}

/** Up to `limit` names nearest to what was asked for: those that contain it first, then by edit distance. */
export function nearestNames(wanted: string, names: readonly string[], limit = 3): string[] {
  const target = wanted.toLowerCase().slice(0, 64)
  const score = (name: string) => {
    const candidate = name.toLowerCase().slice(0, 64)
    if (candidate.includes(target) || isMostOf(candidate, target)) return 0
    return editDistance(target, candidate)
  }
  return [...new Set(names)]
    .map(name => ({ name, score: score(name) }))
    .filter(({ score }) => score <= Math.max(1, Math.floor(target.length / 3)))
    .sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1))
    .slice(0, limit)
    .map(({ name }) => name)
}

/** Tells whether a name makes up half of a longer one: `lo` in `nflog` is there by chance. */
function isMostOf(name: string, longer: string): boolean {
  return longer.includes(name) && name.length * 2 >= longer.length
}

/** Edit distance in which two neighbours that changed places count once (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const table = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : i)),
  )
  const at = (i: number, j: number) => table[i]?.[j] ?? 0
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] && i > 1 && j > 1
      const row = table[i] ?? []
      row[j] = Math.min(
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        at(i - 1, j - 1) + (same ? 0 : 1),
        swapped ? at(i - 2, j - 2) + 1 : Infinity,
      )
    }
  }
  return at(a.length, b.length)
}
