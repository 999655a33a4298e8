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
   * Waits until the reference means a target, which it may do already.
   * @throws RemoraError WAIT_TIMEOUT; USAGE, TARGET_AMBIGUOUS or FORBIDDEN at once, since waiting does not mend them; the
   *   reason of the signal
   */
  next(options: WaitOptions): Promise<AwaitedTarget>
  close(): void
}

/** Milliseconds after which the target is looked for even when nothing was told. */
const lookInterval = 1_000

/** Watches for the target of a request, from now on until it is closed: also while an earlier life is captured. */
export function watchForTarget(
  request: CaptureRequest,
  { env, log = silentLog }: { readonly env?: NodeJS.ProcessEnv; readonly log?: Log },
): TargetWatch {
  const ended = new AbortController()
  const heads = makeHeads(request, log)
  const changes = makeSignal()
  let started: Started[] = []
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
  const look = async (signal: AbortSignal, onPending?: () => void): Promise<AwaitedTarget> => {
    for (let pending = false; ; pending = true) {
      const others = started
      started = []
      const target = await lookFor(request, signal, env)
      if (target !== undefined) return { target, head: heads.claim(target.namespace.inode) }
      await releaseAll(others, heads, signal)
      if (!pending) onPending?.()
      await changes.next()
      signal.throwIfAborted()
    }
  }
  return {
    async next({ signal, timeout, onPending }) {
      const deadline = timeout === undefined ? undefined : AbortSignal.timeout(timeout * 1000)
      const limit = deadline === undefined ? signal : AbortSignal.any([signal, deadline])
      const wake = () => changes.raise()
      limit.addEventListener('abort', wake)
      const timer = setInterval(wake, lookInterval)
      try {
        return await look(limit, onPending)
      } catch (error) {
        signal.throwIfAborted()
        if (deadline?.aborted && !(error instanceof RemoraError)) throw timedOut(request.target, timeout)
        throw error
      } finally {
        clearInterval(timer)
        limit.removeEventListener('abort', wake)
      }
    },
    close() {
      ended.abort()
      heads.close()
    },
  }
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
