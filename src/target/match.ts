/**
 * References against what an engine lists: which containers does a reference mean, and what was perhaps meant instead.
 */
import type { ContainerEngine } from './model.ts'
import type { EngineScheme, Reference } from './reference.ts'

/** What becomes of a reference that means several targets: a failure, the one that was started last, or all of them. */
export const severalMatches = ['error', 'newest', 'all'] as const
/** One of {@link severalMatches}. */
export type SeveralMatches = (typeof severalMatches)[number]

/** What a container is known by. */
export interface NamedContainer {
  readonly engine: ContainerEngine
  readonly id: string
  readonly name: string
  readonly prefix: string
  readonly labels: Readonly<Record<string, string>>
  /** Annotations, where the engine's list tells them. */
  readonly annotations?: Readonly<Record<string, string>>
  /** Of the environment it is configured with the variables that were asked for, `KEY=VALUE` each. */
  readonly variables?: readonly string[]
  readonly pod?: { readonly name: string }
}

/** References that mean containers. */
export type ContainerReference = Extract<
  Reference,
  { scheme: 'container' | EngineScheme | 'label' | 'env' | 'compose' | 'pod' }
>

/** What the key of an annotation begins with where it stands among labels, as in the documents of Ghostwire. */
const annotationPrefix = 'io.kubernetes.annotation/'

/** The labels of a container, with its annotations among them. */
export function withAnnotations({
  labels = {},
  annotations = {},
}: Partial<Pick<NamedContainer, 'labels' | 'annotations'>>): Record<string, string> {
  const prefixed = Object.entries(annotations).map(([key, value]) => [annotationPrefix + key, value])
  return { ...Object.fromEntries(prefixed), ...labels }
}

const composeLabels = { project: 'com.docker.compose.project', service: 'com.docker.compose.service' } as const

/**
 * Containers a reference means, in the order given. A full name wins over an id, an id over the beginning of one: a
 * container that is named like another one's id is the one that was named.
 */
export function matchContainers<C extends NamedContainer>(
  reference: ContainerReference,
  containers: readonly C[],
): C[] {
  switch (reference.scheme) {
    case 'label':
      return containers.filter(container => {
        const labels = withAnnotations(container)
        return [reference.key, annotationPrefix + reference.key].some(key => labelOf(labels, key) === reference.value)
      })
    case 'env':
      return containers.filter(({ variables = [] }) => variables.includes(`${reference.key}=${reference.value}`))
    case 'compose':
      return containers.filter(
        ({ labels }) =>
          labelOf(labels, composeLabels.project) === reference.project &&
          (reference.service === undefined || labelOf(labels, composeLabels.service) === reference.service),
      )
    case 'pod':
      return firstMatches(containers, [
        ({ prefix, pod }) => pod !== undefined && qualifiedName({ prefix, name: pod.name }) === reference.name,
        ({ pod }) => pod?.name === reference.name,
      ])
    default: {
      const engine = reference.scheme === 'container' ? undefined : reference.scheme
      const candidates = containers.filter(container => engine === undefined || container.engine === engine)
      return firstMatches(candidates, [
        container => qualifiedName(container) === reference.name,
        container => container.id === reference.name,
        container => /^[0-9a-f]{2,}$/.test(reference.name) && container.id.startsWith(reference.name),
      ])
    }
  }
}

/** What the first of several conditions that holds for any of them holds for. */
function firstMatches<C>(candidates: readonly C[], conditions: readonly ((candidate: C) => boolean)[]): C[] {
  for (const condition of conditions) {
    const found = candidates.filter(condition)
    if (found.length > 0) return found
  }
  return []
}

/** The compose service a container is one of; undefined for none. */
export function composeService({
  labels,
}: Pick<NamedContainer, 'labels'>): { readonly service: string; readonly project: string | undefined } | undefined {
  const service = labelOf(labels, composeLabels.service)
  return service === undefined ? undefined : { service, project: labelOf(labels, composeLabels.project) }
}

/** Name with the path of enclosing containers before it. */
export function qualifiedName({ prefix, name }: Pick<NamedContainer, 'prefix' | 'name'>): string {
  return prefix === '' ? name : `${prefix}/${name}`
}

/** The hint that goes with a name nobody has: the nearest ones, or what else to do. */
export function didYouMean(names: readonly string[], otherwise: string): string {
  return names.length > 0 ? `Did you mean ${names.join(', ')}?` : otherwise
}

/** Up to `limit` names nearest to what was asked for: those that contain it first, then by edit distance. */
export function nearestNames(wanted: string, names: readonly string[], limit = 3): string[] {
  const target = wanted.toLowerCase().slice(0, 64)
  const score = (name: string) => {
    const candidate = name.toLowerCase().slice(0, 64)
    if (candidate.includes(target) || target.includes(candidate)) return 0
    return editDistance(target, candidate)
  }
  return [...new Set(names)]
    .map(name => ({ name, score: score(name) }))
    .filter(({ score }) => score <= Math.max(1, Math.floor(target.length / 3)))
    .sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1))
    .slice(0, limit)
    .map(({ name }) => name)
}

function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined
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
