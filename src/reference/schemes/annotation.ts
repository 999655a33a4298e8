/** `annotation:team=shop`: containers and pods with that annotation, also where only a closer look tells it. */
import { annotationPrefix, labelOf, withAnnotations } from '../grammar/containers.ts'
import type { ContainerScheme } from '../grammar/scheme.ts'
import { pairOf } from '../grammar/value.ts'

/** A reference to containers by an annotation. */
export interface AnnotationReference {
  readonly scheme: 'annotation'
  readonly key: string
  readonly value: string
}

/** The scheme. */
export const annotation: ContainerScheme<AnnotationReference> = {
  name: 'annotation',
  usage: [
    {
      forms: ['annotation:team=shop'],
      means: 'every container or pod with that annotation',
      detail: 'also where the list of the engine does not tell it',
    },
  ],
  parse: (value, malformed) => ({ scheme: 'annotation', ...pairOf(value, malformed, 'annotation:KEY=VALUE') }),
  format: ({ key, value }) => `${key}=${value}`,
  // The list of a Packetflix service has no annotations.
  describes: () => false,
  match: ({ key, value }, containers) =>
    containers.filter(container => labelOf(withAnnotations(container), annotationPrefix + key) === value),
  meansEvery: true,
  wholePods: true,
  compares: 'annotations',
}
