/** `label:app=web`: containers and pods with that label or annotation. */
import { annotationPrefix, labelOf, withAnnotations } from '../grammar/containers.ts'
import type { ContainerScheme } from '../grammar/scheme.ts'
import { pairOf } from '../grammar/value.ts'

/** A reference to containers by a label. */
export interface LabelReference {
  readonly scheme: 'label'
  readonly key: string
  readonly value: string
}

/** The scheme. */
export const label: ContainerScheme<LabelReference> = {
  name: 'label',
  usage: [{ forms: ['label:app=web'], means: 'every container or pod with that label or annotation' }],
  parse: (value, malformed) => ({ scheme: 'label', ...pairOf(value, malformed, 'label:KEY=VALUE') }),
  format: ({ key, value }) => `${key}=${value}`,
  // The list of a Packetflix service has no labels.
  describes: () => false,
  match: ({ key, value }, containers) =>
    containers.filter(container => {
      const labels = withAnnotations(container)
      return [key, annotationPrefix + key].some(known => labelOf(labels, known) === value)
    }),
  meansEvery: true,
  wholePods: true,
  compares: 'labels',
}
