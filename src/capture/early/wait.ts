/**
 * Waiting for targets: they are looked for again whenever something on the host changes. Meanwhile every network namespace
 * that is mounted is captured on suspicion, so that the first packets are there when it turns out to be the one.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { abortAfter } from '../../base/abort.ts'
import { isExhaustion, RemoraError, reasonOf } from '../../base/errors.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { makeSignal } from '../../base/signal.ts'
import { setInterval } from '../../base/timers.ts'
import { followHost, type HostChange } from '../../discover/host/changes.ts'
import {
  type KnownConfigurations,
  namespaceOfContainer,
  type ResolvedTarget,
  resolveTargets,
} from '../../discover/resolve/resolve.ts'
import { isStillThere } from '../../linux/namespace/netns.ts'
import type { Network } from '../../linux/network/network.ts'
import type { SearchPlan } from '../plan/search.ts'
import type { CaptureContext } from '../request/context.ts'
import { type Head, type Heads, makeHeads } from './early-capture.ts'

/** A target that was waited for. */
export interface AwaitedTarget {
  readonly target: ResolvedTarget
  /** Capture of what came before. */
  readonly head?: Head | undefined
  /** What its namespace has, where that is being read already. */
  readonly network?: Promise<Network> | undefined
}

/** How long somebody waits. */
export interface WaitOptions {
  readonly signal: AbortSignal
  /** Seconds; undefined: without a limit. */
  readonly timeout?: number | undefined
  /** Called once, when no target is there and one is waited for. */
  readonly onPending?: (() => void) | undefined
}

/** A running look-out for targets. */
export interface TargetWatch {
  /**
   * The next life of a target: those there are at first, then each in the order they began, also one that has ended
   * meanwhile if what it sent was captured. The caller closes its namespace and head.
   * @returns undefined when no reference is waited for any more
   * @throws RemoraError WAIT_TIMEOUT; USAGE, TARGET_AMBIGUOUS or FORBIDDEN at once, since waiting does not mend them, but for an engine
   *   that may not be asked; the
   *   reason of the signal
   */
  next(options: WaitOptions): Promise<AwaitedTarget | undefined>
  /** A life that is there already; undefined when there is none more. */
  poll(): AwaitedTarget | undefined
  /** Tells whether a life may still come: with --follow always, else while a reference has had none. */
  isPending(): boolean
  /** A life counts again, should it be found again: its capture has ended before it. */
  forget(target: ResolvedTarget): void
  /** A life has gone before it could be captured: what meant it is waited for again. */
  miss(target: ResolvedTarget): void
  close(): void
}

/** Milliseconds after which the targets are looked for even when nothing was told: at first, and once there was one. */
const lookInterval = { pending: 1_000, later: 4_000 } as const
/** Lives that may wait to be taken; of targets that restart faster the eldest are let go. */
const mostLives = 64

/**
 * Watches for the targets of a search, from now on until it is closed: also while earlier lives are captured.
 * @param known lives that are captured already
 */
export function watchForTargets(
  search: SearchPlan,
  { env, log = silentLog, onWarning }: Pick<CaptureContext, 'env' | 'log' | 'onWarning'>,
  known: readonly ResolvedTarget[] = [],
): TargetWatch {
  const ended = new AbortController()
  const changes = makeSignal()
  // The file of a namespace is there before the namespace: a look in between finds nothing.
  const heads = makeHeads(search, log, () => changes.raise())
  const arrivals = makeSignal()
  const lives: AwaitedTarget[] = []
  let started: Started[] = []
  let current = new Set(known.map(identity))
  /** References that have had no life yet. */
  const pending = new Set(search.references)
  const configurations: KnownConfigurations = new Map()
  const serve = ({ from }: ResolvedTarget) => {
    for (const reference of from) pending.delete(reference)
  }
  known.forEach(serve)
  const warned = new Set<string>()
  const warn = (line: string) => {
    if (!warned.has(line)) onWarning?.(line)
    warned.add(line)
  }
  let failure: unknown
  let delivered = known.length > 0

  const take = (target: ResolvedTarget) => {
    if (current.has(identity(target))) {
      serve(target)
      arrivals.raise()
      return target.namespace.close()
    }
    const life = { target, head: heads.claim(target.namespace.inode) }
    // What has gone and was not captured since it came has nothing to give.
    if (life.head === undefined && !isStillThere(target.namespace)) return release(life)
    serve(target)
    clearInterval(timer)
    if (!ended.signal.aborted) timer = setInterval(() => changes.raise(), lookInterval.later)
    delivered = true
    lives.push(life)
    if (lives.length > mostLives) release(lives.shift())
    arrivals.raise()
  }
  const look = async () => {
    for (;;) {
      const others = started
      started = []
      const { targets, complete } = await lookFor({ ...search, configurations }, ended.signal, env, warn).catch(
        unlessExhausted,
      )
      if (ended.signal.aborted) {
        for (const { namespace } of targets) namespace.close()
        return
      }
      await untilPolled()
      const identities = targets.map(identity)
      const isWanted = ({ from }: ResolvedTarget) => search.follow || from.some(reference => pending.has(reference))
      const wanted = targets.filter(isWanted)
      for (const target of targets) if (!wanted.includes(target)) target.namespace.close()
      wanted.forEach(take)
      // What could not be looked for may still be the same.
      current = new Set([...(complete ? [] : current), ...identities])
      // Whoever was not found may be one of them.
      if (complete) await releaseAll(others, heads, ended.signal)
      else started = [...others, ...started].slice(-mostStarted)
      await changes.next()
    }
  }
  /** Who has a life goes on without another, until there are descriptors and memory again. */
  const unlessExhausted = (error: unknown) => {
    if (!delivered || !isExhaustion(error)) throw error
    log.warning(reasonOf(error))
    return { targets: [], complete: false }
  }
  followHost({
    signal: ended.signal,
    ...(env && { env }),
    onChange(change) {
      if (change.source === 'engine') logEngine(log, change)
      if (change.source === 'mount') heads.begin(change.path)
      if (change.source === 'container' && change.event.kind === 'start')
        started = [...started, change].slice(-mostStarted)
      changes.raise()
    },
  })
  log.info(`waiting for ${search.shown}`)
  let timer = setInterval(() => changes.raise(), known.length > 0 ? lookInterval.later : lookInterval.pending)
  look().catch(error => {
    failure = error
    arrivals.raise()
  })
  const isPending = () => search.follow || pending.size > 0 || lives.length > 0
  return {
    async next({ signal, timeout, onPending }) {
      const deadline = timeout === undefined ? undefined : abortAfter(timeout * 1000)
      const limit = deadline === undefined ? signal : AbortSignal.any([signal, deadline])
      const wake = () => arrivals.raise()
      limit.addEventListener('abort', wake)
      try {
        for (let pending = false; ; pending = true) {
          const life = lives.shift()
          if (life !== undefined || !isPending()) return life
          if (failure !== undefined) throw failure
          signal.throwIfAborted()
          if (deadline?.aborted) throw timedOut(search.shown, timeout)
          if (!pending) onPending?.()
          await arrivals.next()
        }
      } finally {
        limit.removeEventListener('abort', wake)
      }
    },
    poll: () => lives.shift(),
    isPending,
    forget: target => void current.delete(identity(target)),
    miss({ from }) {
      for (const reference of from) pending.add(reference)
    },
    close() {
      ended.abort()
      clearInterval(timer)
      changes.raise()
      heads.close()
      for (const life of lives.splice(0)) release(life)
    },
  }
}

function logEngine(log: Log, { engine, reachable }: Extract<HostChange, { source: 'engine' }>): void {
  log.info(
    `the engine at ${engine.address} ${reachable ? 'reports its containers' : 'no longer reports its containers'}`,
  )
}

/**
 * Waits until inotify has told of every file that was there already. The look may have seen a file after the event loop polled for
 * events, so the events of the next poll are waited for: the first turn ends before it, the second after it.
 */
async function untilPolled(): Promise<void> {
  await nextTurn()
  await nextTurn()
}

/** What makes a life of a target that one. */
function identity({ namespace: { inode, process } }: ResolvedTarget): string {
  return process === undefined ? `${inode}` : `${inode} ${process.pid} ${process.startTime}`
}

/** Lets go of a life that is not captured. */
export function release(life: AwaitedTarget | undefined): void {
  life?.head?.close()
  life?.target.namespace.close()
}

/** Failures that pass when the target or its engine comes. */
const passing = new Set(['TARGET_NOT_FOUND', 'TARGET_STALE', 'PEER_FAILED'])

/** An engine that may not be asked: what is waited for may be of another one, or be known by its traces. */
function isSilentEngine({ code, cause }: RemoraError): boolean {
  return code === 'FORBIDDEN' && cause instanceof RemoraError
}

/** The targets there are; not complete when some reference could not be looked for. */
async function lookFor(
  { references, names, match, configurations }: SearchPlan & { readonly configurations: KnownConfigurations },
  signal: AbortSignal,
  env: NodeJS.ProcessEnv | undefined,
  onWarning: (line: string) => void,
): Promise<{ readonly targets: readonly ResolvedTarget[]; readonly complete: boolean }> {
  let complete = true
  try {
    const targets = await resolveTargets(references, {
      signal,
      ...{ names, match, configurations },
      ...(env && { env }),
      onMissing(_, error) {
        if (isSilentEngine(error)) onWarning(error.message)
        else if (!passing.has(error.code)) throw error
        if (error.code !== 'TARGET_NOT_FOUND') complete = false
      },
    })
    return { targets, complete }
  } catch (error) {
    if (signal.aborted) return { targets: [], complete: false }
    throw error
  }
}

type Started = Extract<HostChange, { source: 'container' }>
/** Starts that are remembered while an earlier life is captured; the captures begun on them end by themselves too. */
const mostStarted = 32

/** Containers that have started and are not the one waited for need no capture any longer. */
async function releaseAll(started: readonly Started[], heads: Heads, signal: AbortSignal): Promise<void> {
  for (const { engine, event } of started) {
    const netns = await namespaceOfContainer(engine, event.id, signal).catch(() => undefined)
    if (netns !== undefined) heads.release(netns)
  }
}

function timedOut(target: string, timeout: number | undefined): RemoraError {
  return new RemoraError('WAIT_TIMEOUT', `${target} did not appear within ${timeout} s`, {
    hint: 'remora list shows what there is; --wait without a number waits without a limit.',
  })
}
