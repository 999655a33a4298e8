/** Targets that an engine tells of, by the names, labels or environments of its containers and pods. */
import { RemoraError } from '../../base/errors.ts'
import { didYouMean, nearestNames } from '../../base/nearest.ts'
import type { EngineAnswer } from '../../engine/engine.ts'
import { askEngines } from '../../engine/engines.ts'
import type { NamedProcess } from '../../engine/sockets.ts'
import { isAnyUntold, tracesEngine } from '../../engine/traces.ts'
import { qualifiedName } from '../../reference/grammar/containers.ts'
import {
  type ContainerReference,
  formatReference,
  type SeveralMatches,
  shownReference,
} from '../../reference/reference.ts'
import { containerScheme } from '../../reference/schemes.ts'
import { engineTimeout } from '../list/ask.ts'
import { type OnOpen, type OpenedContainer, openContainer } from '../list/container-namespace.ts'
import {
  behindTheirOwners,
  describeUnit,
  distinctReferences,
  isUnitOfHost,
  lifeFacts,
  matchUnits,
  type Unit,
} from '../list/workloads.ts'
import { ambiguous, type FoundTarget, keepNewest, listHint } from './open/found.ts'

/** What is known of the containers of the host before one is chosen. */
export interface ToldContainers {
  readonly answers: readonly EngineAnswer[]
  /** Processes that watch over containers, whoever tells of those. */
  readonly monitors: readonly NamedProcess[]
}

/**
 * Opens the targets of a reference that means containers: one, or as many as a label, a variable or a Compose project has.
 * @param told what the engines of the host list, and the processes that watch over containers
 * @param match what becomes of several; what may mean many means every match, unless the newest is wanted
 * @param onOpen as {@link openContainer} has it
 * @throws RemoraError TARGET_NOT_FOUND, TARGET_AMBIGUOUS, TARGET_STALE, FORBIDDEN or PEER_FAILED; then none stays open
 */
export async function openContainers(
  reference: ContainerReference,
  told: ToldContainers,
  signal: AbortSignal,
  match: SeveralMatches = 'error',
  onOpen?: OnOpen,
): Promise<FoundTarget[]> {
  const units = await findUnits(reference, told, signal)
  if (units.length === 0) throw notFound(reference, told.answers)
  if (units.length > 1 && match === 'error' && !containerScheme(reference).meansEvery) {
    throw ambiguous(formatReference(reference), distinctReferences(units))
  }
  const opened: FoundTarget[] = []
  try {
    // The first of several in one network gives it its name: the one that owns it.
    for (const unit of behindTheirOwners(units, ({ containers: [{ networkOf, id }] }) => networkOf ?? id)) {
      // One of several may end meanwhile.
      const found = await openUnit(unit, signal, onOpen).catch(error => {
        if (units.length > 1 && error instanceof RemoraError && error.code === 'TARGET_NOT_FOUND') return undefined
        throw error
      })
      if (found === undefined) continue
      const { namespace, process } = found
      opened.push({ ...describeUnit(unit), ...lifeFacts(unit, process), namespace, owner: unit.containers[0].owner })
    }
  } catch (error) {
    for (const { namespace } of opened) namespace.close()
    throw error
  }
  return match === 'newest' ? keepNewest(opened) : opened
}

/** What a reference means, also of what no engine tells but that still runs. */
async function findUnits(
  reference: ContainerReference,
  { answers, monitors }: ToldContainers,
  signal: AbortSignal,
): Promise<Unit[]> {
  const told = matchUnits(reference, answers)
  const ids = new Set(answers.flatMap(({ containers }) => containers.map(({ id }) => id)))
  const isSilent = answers.some(({ failure }) => failure !== undefined)
  const { engine } = containerScheme(reference)
  if (told.length > 0 && !isSilent && !isAnyUntold(monitors, ids, engine)) return foremost(reference, told)
  const traces = await askEngines([tracesEngine()], engineTimeout, signal)
  if (told.length === 0) return foremost(reference, matchUnits(reference, traces))
  // An engine that does not answer, or is not there, may have one of that name: none is taken for another's.
  const unknown = traces.map(({ engine: traced, containers }) => ({
    engine: traced,
    containers: containers.filter(({ id }) => !ids.has(id)),
  }))
  return foremost(reference, matchUnits(reference, [...answers, ...unknown]))
}

/** As many digits of an id as nobody types by chance. */
const shortId = 12

/**
 * Of several matches those that engines with authority over the host tell of: whoever may run an engine of his own cannot
 * make a name mean two. A short beginning of an id is no such match beside somebody else's whole name.
 */
function foremost(reference: ContainerReference, units: Unit[]): Unit[] {
  const { meansEvery, takesIds } = containerScheme(reference)
  if (meansEvery) return units
  const ofHost = units.filter(isUnitOfHost)
  if (ofHost.length === 0) return units
  const isNamed = ({ containers: [first] }: Unit) => 'name' in reference && qualifiedName(first) === reference.name
  const mayBeChance = takesIds && 'name' in reference && reference.name.length < shortId
  return mayBeChance && !ofHost.some(isNamed) && units.some(isNamed) ? units : ofHost
}

/** Opens the namespace of the first container that still runs. */
async function openUnit({ containers }: Unit, signal: AbortSignal, onOpen?: OnOpen): Promise<OpenedContainer> {
  for (const container of containers.slice(0, -1)) {
    try {
      return await openContainer(container.owner, container, signal, onOpen)
    } catch (error) {
      if (!(error instanceof RemoraError) || error.code !== 'TARGET_NOT_FOUND') throw error
    }
  }
  const last = containers.at(-1) ?? containers[0]
  return openContainer(last.owner, last, signal, onOpen)
}

function notFound(reference: ContainerReference, answers: readonly EngineAnswer[]): RemoraError {
  const text = shownReference(formatReference(reference))
  const failures = answers.flatMap(({ failure }) => failure ?? [])
  if (answers.length === 0) {
    return new RemoraError('TARGET_NOT_FOUND', `${text}: no container engine was found on this host`, {
      hint: 'remora doctor shows which sockets were looked for. Without an engine use pid:, named: or host.',
    })
  }
  if (failures.length === answers.length) {
    const [first] = failures
    const reasons = failures.map(failure => failure.message).join('; ')
    return new RemoraError(
      first instanceof RemoraError ? first.code : 'PEER_FAILED',
      `cannot look for ${text}: ${reasons}`,
      {
        hint: first instanceof RemoraError ? first.hint : undefined,
        cause: first,
      },
    )
  }
  const wanted = 'name' in reference ? nearestTargets(reference, answers) : []
  const reasons = failures.map(failure => ` (${failure.message})`).join('')
  return new RemoraError('TARGET_NOT_FOUND', `no running container matches ${text}${reasons}`, {
    hint: didYouMean(wanted, listHint),
  })
}

/** Names near to the one that was not found; what is a pod, or is no pod, is named with its scheme. */
function nearestTargets(
  reference: Extract<ContainerReference, { name: string }>,
  answers: readonly EngineAnswer[],
): string[] {
  const { name } = reference
  const containers = answers.flatMap(answer => answer.containers)
  const pods = containers.filter(({ pod }) => pod !== undefined)
  const named = containers.filter(({ pod }) => !pod?.sandbox)
  const byPod = nearestNames(
    name,
    pods.map(({ prefix, pod }) => qualifiedName({ prefix, name: pod?.name ?? '' })),
  )
  const byName = nearestNames(name, named.map(qualifiedName))
  return containerScheme(reference).wholePods
    ? [...byPod, ...byName.map(near => `container:${near}`)].slice(0, 3)
    : [...byName, ...byPod.map(near => `pod:${near}`)].slice(0, 3)
}
