/** `container:web`: a container by its name or id, of whichever engine. */
import { firstMatches, type NamedContainer, qualifiedName } from '../grammar/containers.ts'
import type { ContainerScheme, DescribedTarget } from '../grammar/scheme.ts'
import { required } from '../grammar/value.ts'

/** A reference to a container. */
export interface ContainerNameReference {
  readonly scheme: 'container'
  readonly name: string
}

/** The scheme, which text without any scheme is of, too. */
export const container: ContainerScheme<ContainerNameReference> = {
  name: 'container',
  usage: [
    {
      forms: ['web', 'container:web'],
      means: 'a container by name, id or beginning of its id',
      detail: 'a beginning must fit only one',
    },
    {
      forms: ['container:outer/inner/web'],
      means: 'a container of an engine that runs in the container inner',
      detail: 'itself in `outer`',
    },
  ],
  parse: (value, malformed) => ({ scheme: 'container', name: required(value, malformed, containerName) }),
  format: ({ name }) => name,
  describes: ({ name }, target) => isContainer(target) && qualifiedName(target) === name,
  match: ({ name }, containers) => matchName(name, containers),
  takesIds: true,
}

/** The value of references that mean a container by its name. */
export const containerName = 'a container name or id'

/**
 * Returns the containers of a name or an id. A full name wins over an id, an id over the beginning of one: a container that is
 * named like another one's id is the one that was named.
 */
export function matchName<C extends NamedContainer>(name: string, containers: readonly C[]): C[] {
  return firstMatches(containers, [
    candidate => qualifiedName(candidate) === name,
    candidate => candidate.id === name,
    candidate => /^[0-9a-f]{2,}$/.test(name) && candidate.id.startsWith(name),
  ])
}

/** Tells whether a described target is a container. */
export function isContainer({ type }: DescribedTarget): boolean {
  return !['proc', 'bindmount', 'pod'].includes(type)
}
