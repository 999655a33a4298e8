/**
 * All engines of the host, asked at once and brought together: nothing twice, and the containers of an engine that runs
 * in a container under the name of that one.
 */

import { readCgroupContainer } from '../../engine/cgroup.ts'
import { type Container, type Engine, type EngineAnswer, isRandomId } from '../../engine/engine.ts'
import { askEngines, type EngineTimeout, findEngines, tellsOfHost } from '../../engine/engines.ts'
import { kindOf } from '../../engine/members.ts'
import { readStat } from '../../linux/process/proc.ts'
import { qualifiedName } from '../../reference/grammar/containers.ts'
import { mayTellOf } from './container-namespace.ts'

/** Milliseconds an engine has when somebody waits for what it knows. */
export const engineTimeout = 2_000

/**
 * Asks the engines.
 * @param timeout milliseconds each engine has
 * @param options `found`: those that have a socket; `more`: engines beyond them; `addresses`: those that the engines know of
 */
export async function askHost(
  timeout: EngineTimeout,
  signal: AbortSignal,
  env?: NodeJS.ProcessEnv,
  {
    found = findEngines(env),
    more = [],
    addresses = false,
  }: { readonly found?: readonly Engine[]; readonly more?: readonly Engine[]; readonly addresses?: boolean } = {},
): Promise<EngineAnswer[]> {
  const engines = [...found, ...more]
  if (engines.length === 0) return []
  return withPrefixes(withoutDoubles(await askEngines(engines, timeout, signal, { addresses })))
}

/** Leaves out what another engine lists too, or would list; one with less authority leaves nothing of another out. */
function withoutDoubles(answers: readonly EngineAnswer[]): EngineAnswer[] {
  const told = answers.flatMap(({ engine, containers }) => containers.map(({ id, socket }) => ({ engine, id, socket })))
  const tellers = Map.groupBy(told, ({ id }) => id)
  // A containerd without its CRI part tells of nothing there.
  const telling = new Set(told.map(({ engine, socket }) => `${engine.name} ${socket}`))
  const seen = new Set<string>()
  const isDouble = (own: Engine, { engine, id, labels, socket, process }: Container): boolean => {
    const others = (tellers.get(id) ?? []).map(teller => teller.engine).filter(teller => teller !== own)
    // A trace has no socket: it counts only where no engine told of that id that may tell of the process.
    if (socket === '') {
      // An id that somebody chose counts only within its engine.
      const rivals = others.filter(({ name }) => name === engine || isRandomId(id))
      return process !== undefined && rivals.some(teller => mayTellOf(teller, process.pid))
    }
    const { engine: better, isMarked } = kindOf(engine)?.yieldsTo ?? {}
    const isTold = others.some(teller => teller.name === better && rank(teller) >= rank(own))
    // What is marked will have its names there when it has just been made.
    if (isMarked === undefined ? isTold : telling.has(`${better} ${socket}`) && (isTold || isMarked(labels)))
      return true
    const key = `${engine} ${id}`
    if (seen.has(key)) return true
    seen.add(key)
    return false
  }
  const kept = new Map<EngineAnswer, Container[]>()
  for (const answer of answers.toSorted((a, b) => rank(b.engine) - rank(a.engine)))
    kept.set(
      answer,
      answer.containers.filter(container => !isDouble(answer.engine, container)),
    )
  return answers.map(answer => ({ ...answer, containers: kept.get(answer) ?? [] }))
}

function rank(engine: Engine): number {
  return Number(tellsOfHost(engine))
}

function withPrefixes(answers: readonly EngineAnswer[]): EngineAnswer[] {
  const prefixes = new Map<Engine, string>()
  const holders = containersByTrace(answers)
  const prefixOf = (engine: Engine, within: readonly Engine[] = []): string => {
    const known = prefixes.get(engine)
    if (known !== undefined) return known
    const outer = engine.daemon === undefined ? undefined : enclosing(engine.daemon, engine, holders)
    const prefix =
      outer === undefined || within.includes(outer.engine)
        ? ''
        : qualifiedName({ prefix: prefixOf(outer.engine, [...within, engine]), name: outer.container.name })
    prefixes.set(engine, prefix)
    return prefix
  }
  return answers.map(answer => {
    const prefix = prefixOf(answer.engine)
    return prefix === ''
      ? answer
      : { ...answer, containers: answer.containers.map(container => ({ ...container, prefix })) }
  })
}

interface Held {
  readonly engine: Engine
  readonly container: Container
}

/** Containers of all engines, by their ids and by their processes. */
function containersByTrace(answers: readonly EngineAnswer[]) {
  const held = answers.flatMap(({ engine, containers }) => containers.map(container => ({ engine, container })))
  return {
    byId: Map.groupBy(held, ({ container }) => container.id),
    byPid: Map.groupBy(held, ({ container }) => container.process?.pid),
  }
}

/** The container an engine's process runs in: by its control group, else by its ancestors. */
function enclosing(
  daemon: number,
  own: Engine,
  { byId, byPid }: ReturnType<typeof containersByTrace>,
): Held | undefined {
  const ofAnother = (held: readonly Held[] = []) =>
    held.find(({ engine }) => engine !== own && mayTellOf(engine, daemon))
  const id = readCgroupContainer(daemon)?.id
  const byGroup = id === undefined ? undefined : ofAnother(byId.get(id))
  if (byGroup !== undefined) return byGroup
  for (let pid = daemon; pid > 1; pid = readStat(pid)?.parent ?? 0) {
    const found = ofAnother(byPid.get(pid))
    if (found !== undefined) return found
  }
  return undefined
}
