/**
 * Waiting for a target: it is looked for again whenever something on the host changes. Meanwhile every network namespace
 * that is mounted is captured on suspicion, so that the first packets are there when it turns out to be the one.
 */
import { RemoraError } from '../base/errors.ts'
import { type Log, silentLog } from '../base/log.ts'
import { makeSignal } from '../base/signal.ts'
import { followHost, type HostChange } from '../discover/changes.ts'
import { namespaceOfContainer, type ResolvedTarget, resolveTarget } from '../discover/resolve.ts'
import { type Head, type Heads, makeHeads } from './head.ts'
import type { CaptureRequest } from './request.ts'

export interface AwaitedTarget {
  readonly target: ResolvedTarget
  /** Capture of what came before. */
  readonly head?: Head | undefined
}

export interface WaitOptions {
  readonly signal: AbortSignal
  /** Seconds; undefined: without a limit. */
  readonly timeout?: number | undefined
  /** Called once, when the target is not there and is waited for. */
  readonly onPending?: (() => void) | undefined
}

export interface TargetWatch {
  /**
   * The next life of the target: the one there is at first, then each in the order they began, also one that has ended
   * meanwhile. The caller closes its namespace and head.
   * @throws RemoraError WAIT_TIMEOUT; USAGE, TARGET_AMBIGUOUS or FORBIDDEN at once, since waiting does not mend them; the
   *   reason of the signal
   */
  next(options: WaitOptions): Promise<AwaitedTarget>
  close(): void
}

/** Milliseconds after which the target is looked for even when nothing was told. */
const lookInterval = 1_000
/** Lives that may wait for the end of the one that is captured; of a target that restarts faster the eldest are let go. */
const mostLives = 4

/**
 * Watches for the target of a request, from now on until it is closed: also while an earlier life is captured.
 * @param known a life that is captured already
 */
export function watchForTarget(
  request: CaptureRequest,
  { env, log = silentLog }: { readonly env?: NodeJS.ProcessEnv; readonly log?: Log },
  known?: ResolvedTarget,
): TargetWatch {
  const ended = new AbortController()
  const heads = makeHeads(request, log)
  const changes = makeSignal()
  const arrivals = makeSignal()
  const lives: AwaitedTarget[] = []
  let started: Started[] = []
  let current = known && identity(known)
  let served = known !== undefined
  let failure: unknown

  const take = (target: ResolvedTarget) => {
    if (identity(target) === current) return target.namespace.close()
    current = identity(target)
    lives.push({ target, head: heads.claim(target.namespace.inode) })
    if (lives.length > mostLives) release(lives.shift())
    arrivals.raise()
  }
  const look = async () => {
    for (;;) {
      const others = started
      started = []
      const target = await lookFor(request, ended.signal, env)
      if (ended.signal.aborted) return target?.namespace.close()
      if (target !== undefined) take(target)
      else {
        failure = undefined
        await releaseAll(others, heads, ended.signal)
      }
      await changes.next()
    }
  }
  followHost({
    signal: ended.signal,
    ...(env && { env }),
    onChange(change) {
      if (change.source === 'mount') heads.begin(change.path)
      if (change.source === 'container' && change.event.kind === 'start')
        started = [...started, change].slice(-mostStarted)
      changes.raise()
    },
  })
  look().catch(error => {
    failure = error
    arrivals.raise()
  })
  return {
    async next({ signal, timeout, onPending }) {
      const deadline = timeout === undefined ? undefined : AbortSignal.timeout(timeout * 1000)
      const limit = deadline === undefined ? signal : AbortSignal.any([signal, deadline])
      const wake = () => arrivals.raise()
      limit.addEventListener('abort', wake)
      if (served && lives.length === 0) {
        // The same one counts again, now that its capture has ended: one of its interfaces may have gone.
        current = undefined
        changes.raise()
      }
      served = true
      const timer = setInterval(() => changes.raise(), lookInterval)
      try {
        for (let pending = false; ; pending = true) {
          const life = lives.shift()
          if (life !== undefined) return life
          if (failure !== undefined) throw failure
          signal.throwIfAborted()
          if (deadline?.aborted) throw timedOut(request.target, timeout)
          if (!pending) onPending?.()
          await arrivals.next()
        }
      } finally {
        clearInterval(timer)
        limit.removeEventListener('abort', wake)
      }
    },
    close() {
      ended.abort()
      changes.raise()
      heads.close()
      for (const life of lives.splice(0)) release(life)
    },
  }
}

/** What makes a life of a target that one. */
function identity({ namespace: { inode, process } }: ResolvedTarget): string {
  return process === undefined ? `${inode}` : `${inode} ${process.pid} ${process.startTime}`
}

function release(life: AwaitedTarget | undefined): void {
  life?.head?.close()
  life?.target.namespace.close()
}

/** Failures that pass when the target or its engine comes. */
const passing = new Set(['TARGET_NOT_FOUND', 'TARGET_STALE', 'PEER_FAILED'])

async function lookFor(
  { target, names }: CaptureRequest,
  signal: AbortSignal,
  env?: NodeJS.ProcessEnv,
): Promise<ResolvedTarget | undefined> {
  try {
    return await resolveTarget(target, { signal, names, ...(env && { env }) })
  } catch (error) {
    if (error instanceof RemoraError && passing.has(error.code)) return undefined
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
