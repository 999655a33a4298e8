/** `docker:web`, `podman:web`, …: a container by its name or id, of one engine only. */
import { type AskedEngine, askedEngines } from '../../model/target.ts'
import { qualifiedName } from '../grammar/containers.ts'
import type { ContainerScheme } from '../grammar/scheme.ts'
import { required } from '../grammar/value.ts'
import { containerName, isContainer, matchName } from './container.ts'

/** A reference to a container of one engine. */
export interface EngineReference {
  readonly scheme: AskedEngine
  readonly name: string
}

/** One scheme an engine. */
export const engines: readonly ContainerScheme<EngineReference>[] = askedEngines.map(engine => ({
  name: engine,
  usage: [{ forms: [`${engine}:web`], means: 'the same, of one engine only' }],
  parse: (value, malformed) => ({ scheme: engine, name: required(value, malformed, containerName) }),
  format: ({ name }) => name,
  describes: ({ name }, target) =>
    isContainer(target) && target.type.toLowerCase() === engine && qualifiedName(target) === name,
  match: ({ name }, containers) =>
    matchName(
      name,
      containers.filter(container => container.engine === engine),
    ),
  takesIds: true,
  engine,
}))
