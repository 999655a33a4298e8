/**
 * What is on the host, for many clients at once: requests that come together share one look, and all who watch share one
 * watch, which runs only while somebody does.
 */

import { sharing } from '../base/share.ts'
import { setTimeout } from '../base/timers.ts'
import { discover } from '../discover/discover.ts'
import { mobyshark } from '../discover/mobyshark.ts'
import { ghostwire } from '../discover/topology.ts'
import { watchTargets } from '../discover/watch.ts'
import { identity, type TargetEvent } from '../discover/watch-state.ts'
import type { Target } from '../target/model.ts'
import type { Metrics } from './metrics.ts'

/** Who is told of the targets. */
export interface Watcher {
  onEvent(event: TargetEvent): void
  onWarning(warning: string): void
  /** All that was there at the beginning has appeared. */
  onReady(): void
}

/** Looks at the host, each shared by those who ask at the same time, and timed for the metrics. */
export function makeDiscovery(metrics: Metrics) {
  const options = { signal: new AbortController().signal }
  const timed =
    <T>(action: () => Promise<T>) =>
    async () => {
      const begin = performance.now()
      const result = await action()
      metrics.discovery = { seconds: (performance.now() - begin) / 1000, count: metrics.discovery.count + 1 }
      return result
    }
  return {
    /** With interfaces and addresses. */
    targets: sharing(timed(() => discover({ ...options, interfaces: true }))),
    /** Without, which is faster. */
    names: sharing(timed(() => discover({ ...options, interfaces: false }))),
    mobyshark: sharing(timed(() => mobyshark(options))),
    ghostwire: sharing(timed(() => ghostwire(options))),
    watch: sharedWatch(),
  }
}

/** The looks of one service. */
export type SharedDiscovery = ReturnType<typeof makeDiscovery>

/** Milliseconds without an event after which the first look is taken to be told in full. */
const settled = 100

function sharedWatch() {
  const watchers = new Set<Watcher>()
  let present = new Map<string, Target>()
  let running: AbortController | undefined
  let isReady = false
  const begin = () => {
    const ended = new AbortController()
    running = ended
    present = new Map()
    isReady = false
    let timer: NodeJS.Timeout | undefined
    const soon = () => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        if (ended.signal.aborted) return
        isReady = true
        for (const watcher of watchers) watcher.onReady()
      }, settled)
    }
    watchTargets({
      signal: ended.signal,
      onEvent(event) {
        if (ended.signal.aborted) return
        if (!isReady) soon()
        const key = identity(event.target)
        if (event.event === 'gone') present.delete(key)
        else present.set(key, event.target)
        for (const watcher of watchers) watcher.onEvent(event)
      },
      onWarning(warning) {
        for (const watcher of watchers) watcher.onWarning(warning)
      },
    }).catch(error => {
      if (running !== ended) return
      running = undefined
      for (const watcher of watchers) watcher.onWarning(String(error))
    })
  }
  /** Tells a watcher of everything that is there, and then of what happens, until it lets go. */
  return (watcher: Watcher): (() => void) => {
    for (const target of present.values()) watcher.onEvent({ event: 'appear', target })
    if (isReady) watcher.onReady()
    watchers.add(watcher)
    if (running === undefined) begin()
    return () => {
      watchers.delete(watcher)
      if (watchers.size > 0) return
      running?.abort()
      running = undefined
      present = new Map()
      isReady = false
    }
  }
}
