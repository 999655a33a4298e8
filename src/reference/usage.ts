/** What help and docs say of references. */
import type { Usage } from './grammar/scheme.ts'
import { schemes } from './schemes.ts'

/** Returns the rows of every scheme in the order of the list; schemes with the same meaning share one. */
export function listUsage(): Usage[] {
  const rows = Map.groupBy(
    schemes.flatMap(({ usage }) => usage),
    ({ means }) => means,
  )
  return [...rows.values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : { ...first, forms: [first, ...others].flatMap(({ forms }) => forms) },
  )
}
