/**
 * The list of targets, kept true while the host changes. Whatever tells of a change is only a reason to look again
 * (changes.ts); what is told here is the difference between two looks (watch-state.ts), so nothing comes twice, and what one
 * source missed is found with the next look at the latest.
 */

import { isAbort } from '../../base/abort.ts'
import { isExhaustion, reasonOf } from '../../base/errors.ts'
import { makeLatch } from '../../base/latch.ts'
import { setInterval, setTimeout } from '../../base/timers.ts'
import { followHost, type HostChange } from '../host/changes.ts'
import { discover } from '../list/discover.ts'
import { namespaceCache } from '../list/namespace-cache.ts'
import { makeWatchState, settling, type TargetEvent } from './watch-state.ts'

/** What a watch takes, and who is told. */
export interface WatchOptions {
  readonly signal: AbortSignal
  readonly env?: NodeJS.ProcessEnv
  /** Milliseconds each engine has; 2,000 unless said otherwise. */
  readonly timeout?: number
  /** Called for each difference; the targets there are at the beginning appear first. */
  readonly onEvent: (event: TargetEvent) => void
  /** Called for each source that begins to fail. */
  readonly onWarning: (warning: string) => void
}

/** Milliseconds between looks at everything while nothing tells of a change. */
const reconciliation = 60_000
/** Milliseconds between looks whether what is known of the namespaces is old. */
const lookInterval = 10_000
/** Milliseconds from a look that there were no descriptors or no memory for to the next. */
const retryInterval = 1_000

/**
 * Tells of targets until the signal aborts.
 * @throws what breaks a look at the host; a source that fails is only warned of
 */
export async function watchTargets({ signal, env, timeout, onEvent, onWarning }: WatchOptions): Promise<void> {
  const changes = makeLatch()
  const state = makeWatchState()
  const namespaces = namespaceCache()
  let told: HostChange[] = []
  let warned: readonly string[] = []
  const ended = new AbortController()
  // Followed before the first look, so that nothing happens in between unseen.
  followHost({
    signal: AbortSignal.any([signal, ended.signal]),
    ...(env && { env }),
    onChange(change) {
      told.push(change)
      changes.raise()
    },
  })
  signal.addEventListener('abort', () => changes.raise(), { once: true })
  let timer: NodeJS.Timeout | undefined
  /** What is not seen for want of descriptors has not gone: the look is made again. */
  const unlessExhausted = (error: unknown) => {
    if (!isExhaustion(error)) throw error
    const warning = reasonOf(error)
    if (!warned.includes(warning)) onWarning(warning)
    warned = [warning]
  }
  const looks = setInterval(async () => {
    if (await namespaces.findOld()) changes.raise()
  }, lookInterval)
  /** Looks at the host; returns the milliseconds until the next look at the latest. */
  const look = async (): Promise<number> => {
    const seen = told
    told = []
    const found = await discover({ signal, timeout, interfaces: false, ...(env && { env }) }).catch(unlessExhausted)
    if (found === undefined) {
      told = [...seen, ...told]
      return retryInterval
    }
    const { targets, warnings, answered } = found
    const present = state.take({ targets, answered, changes: seen, now: performance.now() })
    const { targets: shown } = await namespaces.fill(present, seen, signal)
    for (const event of state.differences(shown)) onEvent(event)
    for (const warning of warnings) if (!warned.includes(warning)) onWarning(warning)
    warned = warnings
    return state.isUnsettled() ? settling / 4 : reconciliation
  }
  try {
    while (!signal.aborted) {
      const delay = await look()
      clearTimeout(timer)
      timer = setTimeout(() => changes.raise(), delay)
      await changes.next()
    }
  } catch (error) {
    if (!isAbort(error, signal)) throw error
  } finally {
    ended.abort()
    clearInterval(looks)
    clearTimeout(timer)
  }
}
