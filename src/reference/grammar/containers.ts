/** Containers by what references compare: names, ids, labels and annotations. */
import type { ContainerEngine } from '../../model/target.ts'

/** What a container is known by. */
export interface NamedContainer {
  readonly engine: ContainerEngine
  readonly id: string
  readonly name: string
  readonly prefix: string
  readonly labels: Readonly<Record<string, string>>
  /** Annotations, where the engine's list tells them, and those that were asked for. */
  readonly annotations?: Readonly<Record<string, string>>
  /** Of the environment it is configured with the variables that were asked for, `KEY=VALUE` each. */
  readonly variables?: readonly string[]
  readonly pod?: { readonly name: string }
}

/** Name with the path of enclosing containers before it. */
export function qualifiedName({ prefix, name }: Pick<NamedContainer, 'prefix' | 'name'>): string {
  return prefix === '' ? name : `${prefix}/${name}`
}

/** The key of an annotation begins with this where it stands among labels, as in the documents of Ghostwire. */
export const annotationPrefix = 'io.kubernetes.annotation/'

/** The labels of a container, with its annotations among them. */
export function withAnnotations({
  labels = {},
  annotations = {},
}: Partial<Pick<NamedContainer, 'labels' | 'annotations'>>): Record<string, string> {
  const prefixed = Object.entries(annotations).map(([key, value]) => [annotationPrefix + key, value])
  return { ...Object.fromEntries(prefixed), ...labels }
}

/** The compose service a container is one of; undefined for none. */
export function composeService({
  labels,
}: Pick<NamedContainer, 'labels'>): { readonly service: string; readonly project: string | undefined } | undefined {
  const service = labelOf(labels, 'com.docker.compose.service')
  return service === undefined ? undefined : { service, project: composeProject({ labels }) }
}

/** The compose project a container belongs to; undefined for none. */
export function composeProject({ labels }: Pick<NamedContainer, 'labels'>): string | undefined {
  return labelOf(labels, 'com.docker.compose.project')
}

/** The label of a key; undefined for none. */
export function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined
}

/** Returns the candidates that meet the first of several conditions that any of them meets. */
export function firstMatches<C>(candidates: readonly C[], conditions: readonly ((candidate: C) => boolean)[]): C[] {
  for (const condition of conditions) {
    const found = candidates.filter(condition)
    if (found.length > 0) return found
  }
  return []
}
