/**
 * What has a network of its own and a name: a single container, or a pod. The two differ in how they are called and in
 * what is known of them, not in how they are captured.
 */
import type { Container, ContainerProcess, Engine, EngineAnswer } from '../../engine/engine.ts'
import { tellsOfHost } from '../../engine/engines.ts'
import {
  type AskedEngine,
  askedEngines,
  type ContainerEngine,
  type ContainerFacts,
  type TargetType,
} from '../../model/target.ts'
import { qualifiedName } from '../../reference/grammar/containers.ts'
import { type ContainerReference, formatReference, matchContainers } from '../../reference/reference.ts'
import { containerScheme } from '../../reference/schemes.ts'

/** A container with the engine that told of it. */
export interface Listed extends Container {
  readonly owner: Engine
}

/** A container, or a pod by those of its containers that are known. */
export interface Unit {
  readonly pod: boolean
  /** Its sandbox first, where there is one. */
  readonly containers: readonly [Listed, ...Listed[]]
}

/**
 * What a reference means. Labels, variables and pod names mean whole pods; a container's own name means the container. Containers
 * of engines with less authority match by themselves: one that is called like another one's id takes nothing from that.
 */
export function matchUnits(reference: ContainerReference, answers: readonly EngineAnswer[]): Unit[] {
  const { true: ofHost = [], false: others = [] } = Object.groupBy(listContainersOf(answers), ({ owner }) =>
    String(tellsOfHost(owner)),
  )
  const matches = [ofHost, others].flatMap(containers => matchContainers(reference, containers))
  return containerScheme(reference).wholePods ? groupUnits(matches) : singleUnits(matches)
}

/** Containers of all engines, each with its own. */
export function listContainersOf(answers: readonly EngineAnswer[]): Listed[] {
  return answers.flatMap(({ engine, containers }) =>
    containers.map(({ authority, ...container }) => ({
      ...container,
      owner: authority === undefined ? engine : { ...engine, authority },
    })),
  )
}

/** Whether an engine that may speak for the whole host tells of it, or the caller's own. */
export function isUnitOfHost({ containers: [{ owner }] }: Unit): boolean {
  return tellsOfHost(owner)
}

/** Brings the containers of a pod together; the order is that of the first of each. */
export function groupUnits(containers: readonly Listed[]): Unit[] {
  const units = new Map<string, { pod: boolean; containers: [Listed, ...Listed[]] }>()
  for (const container of containers) {
    const { pod, socket, engine, id } = container
    const key = pod === undefined ? `container ${engine} ${socket} ${id}` : `pod ${engine} ${socket} ${pod.id}`
    const unit = units.get(key)
    if (unit === undefined) units.set(key, { pod: pod !== undefined, containers: [container] })
    else if (pod?.sandbox) unit.containers.unshift(container)
    else unit.containers.push(container)
  }
  return [...units.values()]
}

/** How a unit is called, and what is known of it. */
export function describeUnit({ pod, containers: [first] }: Unit): UnitDescription {
  if (pod) return { reference: podReference(first), name: first.pod?.name ?? first.name, type: 'pod' }
  const reference = unambiguousReference(first)
  return { reference, name: first.name, type: first.engine, container: containerFacts(first) }
}

/** How a unit is called. */
export interface UnitDescription {
  /** The reference that finds it again after a restart. */
  readonly reference: string
  readonly name: string
  readonly type: TargetType
  readonly container?: ContainerFacts
}

/** What is known of the containers of a unit, and of the present life of a single one. */
export function lifeFacts(
  { pod, containers }: Unit,
  { startedAt, restarts }: ContainerProcess,
): { readonly container?: ContainerFacts; readonly members?: readonly ContainerFacts[] } {
  if (pod) return { members: containers.map(containerFacts) }
  const life = { ...(startedAt !== undefined && { startedAt }), ...(restarts !== undefined && { restarts }) }
  return { container: { ...containerFacts(containers[0]), ...life } }
}

/** What is kept of a container beyond its finding. */
export function containerFacts({ engine, id, image, state, labels, annotations, socket }: Container): ContainerFacts {
  return { engine, id, image, state, labels, ...(annotations && { annotations }), socket }
}

/** The reference that finds a container again after a restart: by engine and name. */
export function unambiguousReference(container: Pick<Container, 'engine' | 'prefix' | 'name'>): string {
  return formatReference({ scheme: schemeOf(container.engine), name: qualifiedName(container) })
}

/** The reference of a container's pod. */
function podReference({ prefix, pod, name }: Pick<Container, 'prefix' | 'pod' | 'name'>): string {
  return formatReference({ scheme: 'pod', name: qualifiedName({ prefix, name: pod?.name ?? name }) })
}

/** Engines that are not asked have no scheme of their own. */
function schemeOf(engine: ContainerEngine): AskedEngine | 'container' {
  return askedEngines.find(scheme => scheme === engine) ?? 'container'
}

/** Each container by itself, whatever pod it is in. */
export function singleUnits(containers: readonly Listed[]): Unit[] {
  return containers.map(container => ({ pod: false, containers: [container] }))
}

/**
 * Puts what shares the network of another behind that one; the order is else as given, which is newest first.
 * @param networkOf what tells its network from others; undefined: none that counts, as that of the host
 */
export function behindTheirOwners(
  units: readonly Unit[],
  networkOf: (unit: Unit) => string | number | undefined,
): Unit[] {
  const sharing = new Map<Unit, readonly Unit[]>()
  for (const together of Map.groupBy(units, unit => networkOf(unit) ?? unit).values()) {
    const owner = together.findLast(({ containers }) => containers[0].networkOf === undefined) ?? together.at(-1)
    if (owner !== undefined) sharing.set(owner, [owner, ...together.filter(unit => unit !== owner)])
  }
  return units.flatMap(unit => sharing.get(unit) ?? [])
}

/**
 * References that tell targets apart: by name, or by id where a name stands for several. What an engine with less authority
 * calls the same counts only for its own.
 */
export function distinctReferences(units: readonly Unit[]): string[] {
  const byName = units.map(unit => ({ reference: describeUnit(unit).reference, ofHost: isUnitOfHost(unit) }))
  const groups = Map.groupBy(byName, ({ reference }) => reference)
  return units.map(({ containers: [{ engine, id }] }, index) => {
    const { reference = '', ofHost = false } = byName[index] ?? {}
    const rivals = (groups.get(reference) ?? []).filter(rival => rival.ofHost || !ofHost)
    return rivals.length === 1 ? reference : formatReference({ scheme: schemeOf(engine), name: shortId(id) })
  })
}

/** References that tell units from each other, and each container from all others, whatever pod it is in. */
export function referencesIn(units: readonly Unit[]): {
  ofUnit(unit: Unit): string
  ofContainer(container: Listed): string
} {
  const containers = units.flatMap(unit => unit.containers)
  const alone = distinctReferences(singleUnits(containers))
  const byContainer = new Map(containers.map((container, index) => [container, alone[index] ?? '']))
  const together = distinctReferences(units)
  const byUnit = new Map(units.map((unit, index) => [unit, together[index] ?? '']))
  const ofContainer = (container: Listed) => byContainer.get(container) ?? ''
  return {
    ofContainer,
    ofUnit: unit => (unit.pod ? (byUnit.get(unit) ?? '') : ofContainer(unit.containers[0])),
  }
}

/** Enough of a random id; one that somebody chose is a name. */
function shortId(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id
}
