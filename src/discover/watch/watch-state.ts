/**
 * What a watch knows of the targets, and what differs from one look to the next. A target is the same as long as its
 * container lives, or its process, or its mount; a container that starts again is another one.
 */
import type { EngineEvent } from '../../engine/engine.ts'
import { readStartTime } from '../../linux/process/proc.ts'
import { targetKey } from '../../model/key.ts'
import type { Target } from '../../model/target.ts'
import { targetJson } from '../../protocol/v1/target-json.ts'
import type { HostChange } from '../host/changes.ts'
import { briefTarget } from '../list/targets.ts'

/** What happened to a target. */
export interface TargetEvent {
  readonly event: 'appear' | 'change' | 'gone'
  readonly target: Target
}

/** What one look found. */
export interface Look {
  readonly targets: readonly Target[]
  /** Sockets of the engines that answered. */
  readonly answered: readonly string[]
  /** What was told before the look began. */
  readonly changes: readonly HostChange[]
  /** Milliseconds, of a clock that only goes forward. */
  readonly now: number
}

/** The memory of a watch. */
export interface WatchState {
  /** Takes in a look: the targets that count from now on, still without a look into their namespaces. */
  take(look: Look): Target[]
  /** The difference to the time before; called after {@link take} with its targets, as they are shown. */
  differences(targets: readonly Target[]): TargetEvent[]
  /** Whether something was seen that may still become something else. */
  isUnsettled(): boolean
}

/** Milliseconds in which a namespace that an engine has just made becomes the container it is for. */
export const settling = 1_000

/** Starts that are remembered until their container was seen. */
const mostStarts = 1_000

/** A state that knows nothing yet. */
export function makeWatchState(): WatchState {
  let shown: ReadonlyMap<string, Target> | undefined
  const firstSeen = new Map<string, number>()
  const starts = new Map<string, { readonly change: ContainerChange; readonly seen: boolean }>()
  let transient: Target[] = []
  let unsettled = false

  const isSettled = (target: Target, now: number): boolean => {
    if (target.type !== 'proc' && target.type !== 'bindmount') return true
    const key = targetKey(target)
    if (shown === undefined || shown.has(key)) return true
    const since = firstSeen.get(key) ?? now
    firstSeen.set(key, since)
    if (now - since >= settling) return true
    unsettled = true
    return false
  }

  return {
    take({ targets, answered, changes, now }) {
      unsettled = false
      const told = new Set(targets.filter(target => socketOf(target) !== '').flatMap(containerIds))
      const retained = [...(shown?.values() ?? [])].filter(
        target => isCutOff(target, answered) && isAlive(target) && !containerIds(target).some(id => told.has(id)),
      )
      const keys = new Set(targets.map(targetKey))
      for (const key of firstSeen.keys()) if (!keys.has(key)) firstSeen.delete(key)
      const doubled = new Set(retained.map(({ pid }) => pid))
      const found = targets.filter(
        target => isSettled(target, now) && !(doubled.has(target.pid) && target.type !== 'host'),
      )
      const present = [...found, ...retained]
      transient = passedBy(starts, changes, new Set([...(shown?.values() ?? []), ...present].flatMap(containerIds)))
      return present
    },
    differences(targets) {
      const before = shown ?? new Map<string, Target>()
      const after = new Map(targets.map(target => [targetKey(target), target]))
      shown = after
      const gone = [...before].flatMap(([key, target]) => (after.has(key) ? [] : [{ event: 'gone', target } as const]))
      const new_ = [...after].flatMap(([key, target]): TargetEvent[] => {
        const known = before.get(key)
        if (known === undefined) return [{ event: 'appear', target }]
        return sameText(known, target) ? [] : [{ event: 'change', target }]
      })
      const short = transient.flatMap((target): TargetEvent[] => [
        { event: 'appear', target },
        { event: 'gone', target },
      ])
      transient = []
      return [...gone, ...short, ...new_]
    },
    isUnsettled: () => unsettled,
  }
}

type ContainerChange = Extract<HostChange, { source: 'container' }>

function containerIds({ container, members = [] }: Target): string[] {
  return [...(container ? [container.id] : []), ...members.map(({ id }) => id)]
}

/** Whether the engine that told of a target does not answer at the moment. */
function isCutOff(target: Target, answered: readonly string[]): boolean {
  const socket = socketOf(target)
  return socket !== '' && !answered.includes(socket)
}

function socketOf({ container, members = [] }: Target): string {
  return container?.socket ?? members[0]?.socket ?? ''
}

function isAlive({ pid, startTime }: Target): boolean {
  return pid > 0 && readStartTime(pid) === startTime
}

/** Whether two states of a target are the same for whoever is told. */
export function sameText(a: Target, b: Target): boolean {
  return JSON.stringify(targetJson(a)) === JSON.stringify(targetJson(b))
}

/** Containers that started and ended without having been seen, by what their engine told of them. */
function passedBy(
  starts: Map<string, { readonly change: ContainerChange; readonly seen: boolean }>,
  changes: readonly HostChange[],
  known: ReadonlySet<string>,
): Target[] {
  const passed: Target[] = []
  for (const change of changes) {
    if (change.source !== 'container') continue
    const { id, kind } = change.event
    if (kind === 'start' && starts.size < mostStarts) starts.set(id, { change, seen: false })
    const start = kind === 'end' ? starts.get(id) : undefined
    if (start !== undefined) {
      starts.delete(id)
      if (!known.has(id)) passed.push(briefTarget(start.change.engine.name, start.change.event as EngineEvent))
    }
  }
  for (const id of known) starts.delete(id)
  return passed
}
