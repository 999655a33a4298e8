/**
 * What is known of the host, for as long as it holds. Each question looks at what can be seen without asking anybody (view.ts) and
 * at what the engines have told since (engine-watch.ts); engines are asked, and namespaces entered, only where something is
 * different. Nothing runs while nobody asks.
 */
import { exhausted } from '../../base/errors.ts'
import { watchExhaustion } from '../../base/exhaustion.ts'
import { setTimeout } from '../../base/timers.ts'
import { askAbout } from '../../engine/about.ts'
import type { About, Engine } from '../../engine/engine.ts'
import type { ContainedProcess } from '../../engine/processes.ts'
import { isStillHeld, type NamespaceHolder } from '../../linux/namespace/holders.ts'
import type { HostFacts } from '../../model/host.ts'
import type { Target } from '../../model/target.ts'
import { findHeld } from '../host/held.ts'
import { type HostView, type MountView, markOf, viewHost, viewMounts } from '../host/view.ts'
import { discover } from './discover.ts'
import { type EngineWatch, watchEngines } from './engine-watch.ts'
import { hostFacts } from './mobyshark.ts'
import { type CacheIntervals, type NamespaceCache, namespaceCache } from './namespace-cache.ts'
import { type Discovery, isYoung } from './targets.ts'

/** What holds at the moment. */
export interface KnownTargets extends Discovery {
  readonly table: readonly ContainedProcess[]
  /** The same as long as the targets and their interfaces are. */
  readonly revision: string
  /** What is known of the host and of its engines. */
  facts(): Promise<HostFacts>
}

/** What is known of one host. */
export interface KnownHost {
  /**
   * The targets.
   * @param interfaces with their interfaces and addresses, for which namespaces are entered
   * @throws the reason of the signal when that aborts
   */
  look(interfaces: boolean): Promise<KnownTargets>
}

/** Milliseconds. */
const times = {
  /** Without a question, until nothing is followed any more. */
  idle: 60_000,
  /** Until everything is looked at again behind an answer: what nothing tells of, such as the state of a carrier. */
  refresh: 10_000,
  /** Until it is looked at again before an answer. */
  most: 60_000,
} as const

/** Namespaces without a process are entered for each answer, up to this many. */
const mostHidden = 8

const intervals: CacheIntervals = {
  fingerprint: () => 0,
  // A thousand take a second or more.
  hidden: count => (count <= mostHidden ? 0 : Math.max(1_000, 10 * count)),
  seen: () => Number.POSITIVE_INFINITY,
}

/** What can be seen of the host at a moment. */
interface Seen {
  readonly view: HostView
  readonly mounts: MountView
  /** Namespaces that only a thread or a descriptor keeps, of those that were found so far. */
  readonly held: readonly NamespaceHolder[]
  readonly mark: string
}

/** What one look at everything found. */
interface Look {
  readonly number: number
  readonly began: number
  readonly mark: string
  readonly discovery: Discovery
  /** Processes were about to become containers then: everything is looked at again. */
  readonly isUnsettled: boolean
  readonly namespaces: NamespaceCache
  facts?: Promise<HostFacts>
}

/** A host of which nothing is known yet; nothing is followed any more when the signal aborts. */
export function makeKnownHost(signal: AbortSignal, env?: NodeJS.ProcessEnv): KnownHost {
  const options = { signal, ...(env && { env }) }
  const about = rememberAbouts()
  let known: Look | undefined
  /** Found behind an answer: to look through all threads and descriptors takes too long for one. */
  let held: readonly NamespaceHolder[] | undefined
  let looks = 0
  let refreshing = false

  const follow = followWhileAsked(signal, about.forget, () => {
    known = undefined
    held = undefined
  })
  const see = async (engines: EngineWatch): Promise<Seen> => {
    const view = await viewHost(signal, env)
    engines.follow(view.engines)
    const mounts = await viewMounts(view, signal)
    return withHeld({ view, mounts }, held?.filter(isStillHeld))
  }
  const lookAtAll = async (seen: Seen, namespaces: NamespaceCache): Promise<Look> => {
    const began = performance.now()
    const discovery = await discover({ ...options, interfaces: false, seen, held: seen.held })
    const isUnsettled = hasStarting(discovery.targets, seen.view.table)
    return { number: ++looks, began, mark: seen.mark, discovery, isUnsettled, namespaces }
  }
  const refresh = async (seen: Seen) => {
    if (refreshing) return
    refreshing = true
    try {
      const isFirst = held === undefined
      held = await findHeld(seen.view.table, seen.mounts, signal)
      // Everything else was looked at just now.
      if (isFirst && held.length === 0) return
      const look = await lookAtAll(withHeld(seen, held), namespaceCache(intervals))
      await fillIn(look, signal)
      known = look
    } catch {
      // The next question looks again, and tells what failed.
    } finally {
      refreshing = false
    }
  }
  return {
    async look(interfaces) {
      const ranOut = watchExhaustion()
      const engines = follow()
      const seen = await see(engines)
      const age = ageOf(known)
      const before = age < times.most ? known : undefined
      const isKept = before !== undefined && holds(before, seen, engines)
      const look = isKept ? before : await lookAtAll(seen, before?.namespaces ?? namespaceCache(intervals))
      known = look
      const filled = interfaces ? await fillIn(look, signal) : { targets: look.discovery.targets, warnings: [] }
      if (ranOut()) {
        known = undefined
        throw exhausted()
      }
      if (held === undefined || (isKept && age > times.refresh)) void refresh(seen)
      return {
        ...look.discovery,
        targets: filled.targets,
        warnings: [...look.discovery.warnings, ...filled.warnings],
        table: seen.view.table,
        revision: `${look.number} ${look.namespaces.changes()}`,
        facts() {
          look.facts ??= hostFacts(look.discovery, { ...options, about: about.ask })
          return look.facts
        },
      }
    },
  }
}

/**
 * Follows the engines from a question until there was none for a while.
 * @returns to be called with each question
 */
function followWhileAsked(
  signal: AbortSignal,
  onEngineGone: (engine: Engine) => void,
  onIdle: () => void,
): () => EngineWatch {
  let following: { readonly engines: EngineWatch; readonly end: AbortController } | undefined
  let idle: NodeJS.Timeout | undefined
  const stop = () => {
    following?.end.abort()
    following = undefined
    onIdle()
  }
  return () => {
    clearTimeout(idle)
    idle = setTimeout(stop, times.idle).unref()
    if (following === undefined) {
      const end = new AbortController()
      following = { engines: watchEngines(AbortSignal.any([signal, end.signal]), onEngineGone), end }
    }
    return following.engines
  }
}

/** Milliseconds since a look began. */
function ageOf(look: Look | undefined): number {
  return look === undefined ? Number.POSITIVE_INFINITY : performance.now() - look.began
}

/** Adds namespaces that are held to what was seen. */
function withHeld({ view, mounts }: Pick<Seen, 'view' | 'mounts'>, held: readonly NamespaceHolder[] = []): Seen {
  return { view, mounts, held, mark: markOf(view, mounts, held) }
}

/** The targets of a look with their interfaces, of which those are read that have changed. */
async function fillIn({ namespaces, discovery }: Look, signal: AbortSignal) {
  await namespaces.findOld()
  return namespaces.fill(discovery.targets, [], signal)
}

/** Whether a look still tells the truth, as far as can be seen. */
function holds(
  { began, mark, discovery, isUnsettled }: Look,
  { view, mark: now }: Seen,
  engines: EngineWatch,
): boolean {
  return (
    !isUnsettled &&
    mark === now &&
    engines.isQuiet(view.engines, discovery.answered, began) &&
    areAlive(discovery.targets, view.table)
  )
}

/** Whether the processes of all targets still live. */
function areAlive(targets: readonly Target[], table: readonly ContainedProcess[]): boolean {
  const started = new Map(table.map(({ pid, startTime }) => [pid, startTime]))
  return targets.every(({ pid, startTime, type }) => pid === 0 || type === 'host' || started.get(pid) === startTime)
}

/** Whether a process is about to become a container that no engine has told of yet. */
function hasStarting(targets: readonly Target[], table: readonly ContainedProcess[]): boolean {
  const told = new Set(
    targets.flatMap(({ container, members = [] }) => [container?.id, ...members.map(({ id }) => id)]),
  )
  return table.some(process => process.container !== undefined && !told.has(process.container.id) && isYoung(process))
}

/** Milliseconds after which an engine is asked again that has said nothing. */
const silence = 10_000
const mostAbouts = 256

/** What engines say of themselves: asked once, and again when one has gone and come back. */
function rememberAbouts() {
  const known = new Map<string, { readonly answer: Promise<About>; readonly asked: number; isEmpty: boolean }>()
  const keyOf = ({ name, address, daemon = 0 }: Engine) => `${name} ${address} ${daemon}`
  return {
    forget: (engine: Engine) => void known.delete(keyOf(engine)),
    ask(engine: Engine, signal: AbortSignal): Promise<About> {
      const before = known.get(keyOf(engine))
      if (before !== undefined && !(before.isEmpty && performance.now() - before.asked > silence)) return before.answer
      if (known.size >= mostAbouts) known.clear()
      const entry = { answer: askAbout(engine, signal), asked: performance.now(), isEmpty: true }
      known.set(keyOf(engine), entry)
      void entry.answer.then(({ id, version }) => {
        entry.isEmpty = id === '' && version === ''
      })
      return entry.answer
    },
  }
}
