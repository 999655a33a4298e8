/**
 * Environment variables and annotations of containers, where references ask for some: engines tell them container by container.
 * Of what is told only what was asked for is kept, since there are secrets among it.
 */
import { abortAfter } from '../../base/abort.ts'
import { RemoraError } from '../../base/errors.ts'
import { mapLimit } from '../../base/map-limit.ts'
import type { Configuration, Container, Engine, EngineAnswer } from '../../engine/engine.ts'

/** What references ask of the configuration of containers: `KEY=VALUE` each. */
export interface WantedConfiguration {
  readonly environment: ReadonlySet<string>
  readonly annotations: ReadonlySet<string>
}

type Told = Required<Pick<Container, 'variables' | 'annotations'>>

/** What was found of containers so far: the configuration of one stays the same. For one set of wishes only. */
export type KnownConfigurations = Map<string, Told>

/** Milliseconds an engine has for all of its containers. */
const patience = 5_000
const atOnce = 8

/**
 * Tells of containers which of some variables and annotations they are configured with; asks nothing where none are wanted. An
 * engine that does not answer keeps its containers, and has failed.
 * @param known what is known already; added to, and rid of what is no longer there
 */
export async function withConfiguration(
  answers: readonly EngineAnswer[],
  wanted: WantedConfiguration,
  signal: AbortSignal,
  known: KnownConfigurations = new Map(),
): Promise<readonly EngineAnswer[]> {
  if (wanted.environment.size === 0 && wanted.annotations.size === 0) return answers
  const filled = await Promise.all(answers.map(answer => askEach(answer, wanted, signal, known)))
  const present = new Set(filled.flatMap(({ engine, containers }) => containers.map(one => keyOf(engine, one))))
  for (const key of known.keys()) if (!present.has(key)) known.delete(key)
  return filled
}

async function askEach(
  answer: EngineAnswer,
  wanted: WantedConfiguration,
  signal: AbortSignal,
  known: KnownConfigurations,
): Promise<EngineAnswer> {
  const { engine } = answer
  const { configuration } = engine
  if (configuration === undefined) return answer
  const late = abortAfter(patience)
  const limit = AbortSignal.any([signal, late])
  let failure = answer.failure
  const containers = await mapLimit(answer.containers, atOnce, async container => {
    // Nobody configured what only holds the namespaces of a pod.
    if (container.pod?.sandbox) return container
    const key = keyOf(engine, container)
    try {
      limit.throwIfAborted()
      const told = known.get(key) ?? amongWanted(await configuration(container.id, limit), wanted)
      known.set(key, told)
      return { ...container, ...told, annotations: { ...container.annotations, ...told.annotations } }
    } catch (error) {
      signal.throwIfAborted()
      failure ??= late.aborted ? tooLate(engine) : (error as Error)
      return container
    }
  })
  return { ...answer, containers, ...(failure && { failure }) }
}

function amongWanted({ environment, annotations }: Configuration, wanted: WantedConfiguration): Told {
  const asked = Object.entries(annotations).filter(pair => wanted.annotations.has(pair.join('=')))
  return {
    variables: environment.filter(variable => wanted.environment.has(variable)),
    annotations: Object.fromEntries(asked),
  }
}

/** An id that somebody chose may be given again. */
function keyOf({ name, address, daemon = 0 }: Engine, { id, created }: Container): string {
  return `${name} ${address} ${daemon} ${id} ${created}`
}

function tooLate({ name, address }: Engine): RemoraError {
  return new RemoraError(
    'PEER_FAILED',
    `${name} at ${address} did not tell the configuration of its containers within ${patience} ms`,
    { hint: 'Use a label or the name of the container: the list of the engine tells those.' },
  )
}
