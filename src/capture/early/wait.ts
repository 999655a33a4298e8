/**
 * Waiting for targets: they are looked for again whenever something on the host changes. Meanwhile every network namespace
 * that is mounted is captured on suspicion, so that the first packets are there when it turns out to be the one.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { abortAfter } from '../../base/abort.ts'
import { isExhaustion, RemoraError, reasonOf } from '../../base/errors.ts'
import { makeLatch } from '../../base/latch.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { type Actions, type Machine, runMachine } from '../../base/machine.ts'
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
import {
  type ContainerStart,
  describeSearch,
  type Found,
  isPending,
  newSearch,
  type SearchCommand,
  type SearchEvent,
  type SearchState,
  stepSearch,
} from './search-state.ts'

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
   *   that may not be asked; the reason of the signal
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

/**
 * Watches for the targets of a search, from now on until it is closed: also while earlier lives are captured.
 * @param known lives that are captured already
 */
export function watchForTargets(
  search: SearchPlan,
  context: Pick<CaptureContext, 'env' | 'log' | 'onWarning'>,
  known: readonly ResolvedTarget[] = [],
): TargetWatch {
  return new RunningSearch(search, context, known)
}

/** Carries out what {@link stepSearch} says. */
class RunningSearch implements TargetWatch {
  readonly #search: SearchPlan
  readonly #context: Pick<CaptureContext, 'env' | 'onWarning'>
  readonly #log: Log
  readonly #ended = new AbortController()
  readonly #arrivals = makeLatch()
  readonly #heads: Heads
  readonly #machine: Machine<SearchState, SearchEvent>
  readonly #configurations: KnownConfigurations = new Map()
  readonly #warned = new Set<string>()
  /** Targets that are open, by the keys under which the machine knows them. */
  readonly #open = new Map<number, AwaitedTarget>()
  #lastKey = 0
  #timer: NodeJS.Timeout

  constructor(
    search: SearchPlan,
    { log = silentLog, ...context }: Pick<CaptureContext, 'env' | 'log' | 'onWarning'>,
    known: readonly ResolvedTarget[],
  ) {
    this.#search = search
    this.#context = context
    this.#log = log
    // The file of a namespace is there before the namespace: a look in between finds nothing.
    this.#heads = makeHeads(search, log, this.#noteChange)
    const lives = known.map(target => ({ identity: identity(target), from: target.from }))
    this.#machine = runMachine(
      newSearch(search.references, lives),
      (state, event: SearchEvent) => stepSearch(state, event, search),
      this.#actions,
      ({ on }, before, after) => this.#logStep(on, describeSearch(before), describeSearch(after)),
    )
    this.#listen()
    log.info(`waiting for ${search.shown}`)
    this.#timer = setInterval(this.#noteChange, known.length > 0 ? lookInterval.later : lookInterval.pending)
    this.#machine.feed({ on: 'changed' })
  }

  async next({ signal, timeout, onPending }: WaitOptions): Promise<AwaitedTarget | undefined> {
    const deadline = timeout === undefined ? undefined : abortAfter(timeout * 1000)
    const limit = deadline === undefined ? signal : AbortSignal.any([signal, deadline])
    const wake = () => this.#arrivals.raise()
    limit.addEventListener('abort', wake)
    try {
      for (let pending = false; ; pending = true) {
        const life = this.poll()
        if (life !== undefined || !this.isPending()) return life
        const { look, failure } = this.#machine.state()
        if (look === 'failed') throw failure
        signal.throwIfAborted()
        if (deadline?.aborted) throw timedOut(this.#search.shown, timeout)
        if (!pending) onPending?.()
        await this.#arrivals.next()
      }
    } finally {
      limit.removeEventListener('abort', wake)
    }
  }

  poll(): AwaitedTarget | undefined {
    const [key] = this.#machine.state().lives
    if (key === undefined) return undefined
    this.#machine.feed({ on: 'taken' })
    return this.#takeOut(key)
  }

  isPending(): boolean {
    return isPending(this.#machine.state(), this.#search)
  }

  forget(target: ResolvedTarget): void {
    this.#machine.feed({ on: 'forgotten', identity: identity(target) })
  }

  miss({ from }: ResolvedTarget): void {
    this.#machine.feed({ on: 'missed', from })
  }

  close(): void {
    this.#machine.feed({ on: 'closed' })
  }

  readonly #actions: Actions<SearchCommand> = {
    look: () => void this.#look(),
    claim: ({ target }) => this.#claim(target),
    close: ({ key }) => release(this.#takeOut(key)),
    release: ({ starts }) =>
      void releaseAll(starts, this.#heads, this.#ended.signal).then(() => this.#machine.feed({ on: 'released' })),
    'slow-down': () => this.#slowDown(),
    warn: ({ error }) => this.#log.warning(reasonOf(error)),
    wake: () => this.#arrivals.raise(),
    stop: () => this.#stop(),
  }

  readonly #noteChange = () => this.#machine.feed({ on: 'changed' })

  #logStep(on: string, before: string, after: string): void {
    if (before !== after) this.#log.debug(`search for ${this.#search.shown}, ${on}: ${before} → ${after}`)
  }

  #listen(): void {
    followHost({
      signal: this.#ended.signal,
      ...(this.#context.env && { env: this.#context.env }),
      onChange: change => {
        if (change.source === 'engine') logEngine(this.#log, change)
        if (change.source === 'mount') this.#heads.begin(change.path)
        if (change.source === 'container' && change.event.kind === 'start') {
          this.#machine.feed({ on: 'started', start: change })
        } else this.#noteChange()
      },
    })
  }

  async #look(): Promise<void> {
    const wanted = { ...this.#search, configurations: this.#configurations }
    try {
      const { targets, complete } = await lookFor(wanted, this.#ended.signal, this.#context.env, this.#warn)
      const found = targets.map((target): Found => {
        const key = ++this.#lastKey
        this.#open.set(key, { target })
        return { key, identity: identity(target), from: target.from }
      })
      await untilPolled()
      this.#machine.feed({ on: 'found', targets: found, complete })
    } catch (error) {
      this.#machine.feed({ on: 'failed', error, passes: isExhaustion(error) })
    }
  }

  readonly #warn = (line: string) => {
    if (!this.#warned.has(line)) this.#context.onWarning?.(line)
    this.#warned.add(line)
  }

  #claim(found: Found): void {
    const { target } = this.#open.get(found.key) as AwaitedTarget
    const head = this.#heads.claim(target.namespace.inode)
    this.#open.set(found.key, { target, head })
    const isCaptured = head !== undefined || isStillThere(target.namespace)
    this.#machine.feed({ on: 'claimed', target: found, isCaptured })
  }

  #takeOut(key: number): AwaitedTarget | undefined {
    const life = this.#open.get(key)
    this.#open.delete(key)
    return life
  }

  #slowDown(): void {
    clearInterval(this.#timer)
    this.#timer = setInterval(this.#noteChange, lookInterval.later)
  }

  #stop(): void {
    this.#ended.abort()
    clearInterval(this.#timer)
    this.#heads.close()
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

/** Containers that have started and are not the one waited for need no capture any longer. */
async function releaseAll(started: readonly ContainerStart[], heads: Heads, signal: AbortSignal): Promise<void> {
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
