/**
 * The list of targets, kept true while the host changes. Whatever tells of a change is only a reason to look again
 * (changes.ts); what is told here is the difference between two looks (watch-state.ts), so nothing comes twice, and what one
 * source missed is found with the next look at the latest.
 */
import { makeSignal } from '../base/signal.ts'
import type { Target } from '../target/model.ts'
import { followHost, type HostChange } from './changes.ts'
import { discover } from './discover.ts'
import { addInterfaces } from './interfaces.ts'
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

/**
 * Milliseconds between looks into every namespace while nothing tells of a change: one takes about 1.5 ms of a core for
 * each, so this is 0.3 % of one however many there are.
 */
const reconciliation = { least: 60_000, eachTarget: 500 } as const

/**
 * Tells of targets until the signal aborts.
 * @throws what breaks a look at the host; a source that fails is only warned of
 */
export async function watchTargets({ signal, env, timeout, onEvent, onWarning }: WatchOptions): Promise<void> {
  const changes = makeSignal()
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
  let reconcile = false
  let timer: NodeJS.Timeout | undefined
  try {
    while (!signal.aborted) {
      const seen = told
      told = []
      if (reconcile) namespaces.forget()
      const { targets, warnings, answered } = await discover({
        signal,
        timeout,
        interfaces: false,
        ...(env && { env }),
      })
      const present = state.take({ targets, answered, changes: seen, now: performance.now() })
      for (const event of state.differences(await namespaces.fill(present, seen, signal))) onEvent(event)
      for (const warning of warnings) if (!warned.includes(warning)) onWarning(warning)
      warned = warnings
      clearTimeout(timer)
      reconcile = false
      const pause = Math.max(reconciliation.least, reconciliation.eachTarget * present.length)
      timer = setTimeout(
        () => {
          reconcile = !state.isUnsettled()
          changes.raise()
        },
        state.isUnsettled() ? settling / 4 : pause,
      )
      await changes.next()
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    ended.abort()
    clearTimeout(timer)
  }
}

/** Interfaces and addresses by network namespace, read when first seen and when something tells that they have changed. */
function namespaceCache() {
  const known = new Map<number, Pick<Target, 'interfaces' | 'addresses'>>()
  return {
    forget: () => known.clear(),
    async fill(targets: readonly Target[], changes: readonly HostChange[], signal: AbortSignal): Promise<Target[]> {
      const changed = new Set(changes.flatMap(change => (change.source === 'container' ? change.event.id : [])))
      const present = new Set(targets.map(({ netns }) => netns))
      for (const netns of known.keys()) if (!present.has(netns)) known.delete(netns)
      for (const { container, members = [], netns } of targets) {
        if ([container, ...members].some(holder => holder !== undefined && changed.has(holder.id))) known.delete(netns)
      }
      const unread = targets.filter(({ netns }) => netns !== 0 && !known.has(netns))
      const read = await addInterfaces(unread, signal)
      for (const { netns, interfaces, addresses } of read.targets) known.set(netns, { interfaces, addresses })
      return targets.map(target => ({ ...target, ...known.get(target.netns) }))
    },
  }
}
