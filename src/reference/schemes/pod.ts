/** `pod:default/web`: the network that the containers of a pod share. */
import { firstMatches, qualifiedName } from '../grammar/containers.ts'
import type { ContainerScheme } from '../grammar/scheme.ts'
import { required } from '../grammar/value.ts'

/** A reference to a pod. */
export interface PodReference {
  readonly scheme: 'pod'
  readonly name: string
}

/** The scheme. */
export const pod: ContainerScheme<PodReference> = {
  name: 'pod',
  usage: [{ forms: ['pod:default/web', 'pod:mypod'], means: 'a pod of Kubernetes or Podman' }],
  parse: (value, malformed) => ({ scheme: 'pod', name: required(value, malformed, 'pod:NAMESPACE/NAME') }),
  format: ({ name }) => name,
  describes: ({ name }, target) => target.type === 'pod' && [qualifiedName(target), target.name].includes(name),
  match: ({ name }, containers) =>
    firstMatches(containers, [
      ({ prefix, pod }) => pod !== undefined && qualifiedName({ prefix, name: pod.name }) === name,
      ({ pod }) => pod?.name === name,
    ]),
  wholePods: true,
}
