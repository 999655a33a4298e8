/**
 * Environment variables of containers, where references ask for some: engines tell them container by container. Of what is told
 * only what was asked for is kept, since there are secrets among it.
 */
import { eachOf } from '../base/each.ts'
import { RemoraError } from '../base/errors.ts'
import type { Container, Engine, EngineAnswer } from '../engine/engine.ts'

/** What was found of containers so far: the configuration of one stays the same. For one set of variables only. */
export type KnownVariables = Map<string, readonly string[]>

/** Milliseconds an engine has for all of its containers. */
const patience = 5_000
const atOnce = 8

/**
 * Tells of containers which of some variables they are configured with; asks nothing where none are wanted. An engine that does
 * not answer keeps its containers, and has failed.
 * @param wanted `KEY=VALUE` each
 * @param known what is known already; added to, and rid of what is no longer there
 */
export async function withVariables(
  answers: readonly EngineAnswer[],
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
  known: KnownVariables = new Map(),
): Promise<readonly EngineAnswer[]> {
  if (wanted.size === 0) return answers
  const filled = await Promise.all(answers.map(answer => askEach(answer, wanted, signal, known)))
  const present = new Set(filled.flatMap(({ engine, containers }) => containers.map(one => keyOf(engine, one))))
  for (const key of known.keys()) if (!present.has(key)) known.delete(key)
  return filled
}

async function askEach(
  answer: EngineAnswer,
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
  known: KnownVariables,
): Promise<EngineAnswer> {
  const { engine } = answer
  const { environment } = engine
  if (environment === undefined) return answer
  const late = AbortSignal.timeout(patience)
  const limit = AbortSignal.any([signal, late])
  let failure = answer.failure
  const containers = await eachOf(answer.containers, atOnce, async container => {
    // Nobody configured what only holds the namespaces of a pod.
    if (container.pod?.sandbox) return container
    const key = keyOf(engine, container)
    try {
      limit.throwIfAborted()
      const told = known.get(key) ?? (await environment(container.id, limit)).filter(variable => wanted.has(variable))
      known.set(key, told)
      return { ...container, variables: told }
    } catch (error) {
      signal.throwIfAborted()
      failure ??= late.aborted ? tooLate(engine) : (error as Error)
      return container
    }
  })
  return { ...answer, containers, ...(failure && { failure }) }
}

/** An id that somebody chose may be given again. */
function keyOf({ name, address, daemon = 0 }: Engine, { id, created }: Container): string {
  return `${name} ${address} ${daemon} ${id} ${created}`
}

function tooLate({ name, address }: Engine): RemoraError {
  return new RemoraError(
    'PEER_FAILED',
    `${name} at ${address} did not tell the environments of its containers within ${patience} ms`,
    { hint: 'Use a label or the name of the container: the list of the engine tells those.' },
  )
}
