/**
 * One watch over the targets for all who want to be told, which runs only while somebody does. A watch that fails begins again,
 * later each time; what its clients were told stays true, and they hear of the difference only.
 */
import { reasonOf } from '../../base/errors.ts'
import { setTimeout } from '../../base/timers.ts'
import { type WatchOptions, watchTargets } from '../../discover/watch/watch.ts'
import { sameText, type TargetEvent } from '../../discover/watch/watch-state.ts'
import { targetKey } from '../../model/key.ts'
import type { Target } from '../../model/target.ts'

/** Who is told of the targets. */
export interface Watcher {
  onEvent(event: TargetEvent): void
  onWarning(warning: string): void
  /** All that was there at the beginning has appeared. */
  onReady(): void
}

/** Milliseconds without an event after which the first look is taken to be told in full. */
const settled = 100
/** Milliseconds until a watch that failed begins again, at first and at most. */
const retry = { first: 500, most: 30_000 } as const

/** A watch, as it is begun. */
type Watch = (options: WatchOptions) => Promise<void>

/**
 * A watch that is shared.
 * @param watch tells of targets until its signal aborts
 * @returns tells a watcher of everything that is there, and then of what happens, until it lets go
 */
export function makeSharedWatch(watch: Watch = watchTargets): (watcher: Watcher) => () => void {
  const audience = makeAudience()
  let running: AbortController | undefined
  let delay: number = retry.first
  const begin = () => {
    const ended = new AbortController()
    running = ended
    runWatch(watch, audience, ended.signal, () => {
      delay = retry.first
    }).catch(error => {
      if (running !== ended) return
      ended.abort()
      audience.warn(`the watch has failed, and begins again in ${delay / 1_000} s: ${reasonOf(error)}`)
      const pause = new AbortController()
      running = pause
      const timer = setTimeout(begin, delay)
      pause.signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
      delay = Math.min(delay * 2, retry.most)
    })
  }
  return watcher => {
    const leave = audience.join(watcher)
    if (running === undefined) begin()
    return () => {
      if (leave() > 0) return
      running?.abort()
      running = undefined
      delay = retry.first
    }
  }
}

/** Runs one watch: what the audience was told before, and does not appear again, is gone. */
async function runWatch(watch: Watch, audience: Audience, signal: AbortSignal, onSettled: () => void): Promise<void> {
  const unseen = new Map(audience.present)
  let isSettled = false
  let timer: NodeJS.Timeout | undefined
  const settle = () => {
    if (signal.aborted) return
    isSettled = true
    for (const target of unseen.values()) audience.tell({ event: 'gone', target })
    audience.ready()
    onSettled()
  }
  const onEvent = (event: TargetEvent) => {
    if (signal.aborted) return
    if (!isSettled) {
      clearTimeout(timer)
      timer = setTimeout(settle, settled)
    }
    const key = targetKey(event.target)
    const known = audience.present.get(key)
    unseen.delete(key)
    if (event.event !== 'appear' || known === undefined) audience.tell(event)
    else if (!sameText(known, event.target)) audience.tell({ event: 'change', target: event.target })
  }
  try {
    await watch({ signal, onEvent, onWarning: audience.warn })
  } finally {
    clearTimeout(timer)
  }
}

/** Everybody who is told, and what they have been told. */
interface Audience {
  readonly present: ReadonlyMap<string, Target>
  tell(event: TargetEvent): void
  warn(warning: string): void
  ready(): void
  /** @returns lets go; how many are left */
  join(watcher: Watcher): () => number
}

function makeAudience(): Audience {
  const watchers = new Set<Watcher>()
  const present = new Map<string, Target>()
  let isReady = false
  return {
    present,
    tell(event) {
      const key = targetKey(event.target)
      if (event.event === 'gone') present.delete(key)
      else present.set(key, event.target)
      for (const watcher of watchers) watcher.onEvent(event)
    },
    warn(warning) {
      for (const watcher of watchers) watcher.onWarning(warning)
    },
    ready() {
      if (isReady) return
      isReady = true
      for (const watcher of watchers) watcher.onReady()
    },
    join(watcher) {
      for (const target of present.values()) watcher.onEvent({ event: 'appear', target })
      if (isReady) watcher.onReady()
      watchers.add(watcher)
      return () => {
        watchers.delete(watcher)
        if (watchers.size === 0) {
          present.clear()
          isReady = false
        }
        return watchers.size
      }
    },
  }
}
