import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { WatchOptions } from '../../../../src/discover/watch/watch.ts'
import type { TargetEvent } from '../../../../src/discover/watch/watch-state.ts'
import type { Target } from '../../../../src/model/target.ts'
import { makeSharedWatch } from '../../../../src/serve/shared/shared-watch.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const target = (name: string, addresses: readonly string[] = []): Target => ({
  ...{ reference: name, name, type: 'proc', prefix: '', netns: 1, pid: 1, startTime: 1, interfaces: [], addresses },
})
const appear = (...targets: readonly Target[]) => targets.map((one): TargetEvent => ({ event: 'appear', target: one }))

/** Watches that tell what they are told to, and fail when they are told to. */
function scriptedWatches() {
  const begun: (WatchOptions & { fail(error: Error): void })[] = []
  const watch = (options: WatchOptions) =>
    new Promise<void>((resolve, reject) => {
      options.signal.addEventListener('abort', () => resolve())
      begun.push({ ...options, fail: reject })
    })
  return { begun, watch }
}

function listener() {
  const heard: string[] = []
  return {
    heard,
    onEvent: ({ event, target: { name } }: TargetEvent) => void heard.push(`${event} ${name}`),
    onWarning: (warning: string) => void heard.push(warning),
    onReady: () => void heard.push('ready'),
  }
}

test('a watch that failed begins again, and its clients hear of the difference', async () => {
  const { begun, watch } = scriptedWatches()
  const join = makeSharedWatch(watch)
  const first = listener()
  join(first)
  for (const event of appear(target('a'), target('b'), target('c'))) begun[0]?.onEvent(event)
  await vi.advanceTimersByTimeAsync(100)
  expect(first.heard.splice(0)).toEqual(['appear a', 'appear b', 'appear c', 'ready'])

  begun[0]?.fail(new Error('out of descriptors'))
  await vi.advanceTimersByTimeAsync(0)
  expect(first.heard.splice(0)).toEqual(['the watch has failed, and begins again in 0.5 s: out of descriptors'])
  // Who comes in between is told what is known.
  const second = listener()
  const leave = join(second)
  expect(second.heard.splice(0)).toEqual(['appear a', 'appear b', 'appear c', 'ready'])

  await vi.advanceTimersByTimeAsync(500)
  expect(begun).toHaveLength(2)
  for (const event of appear(target('a'), target('b', ['10.0.0.1']), target('d'))) begun[1]?.onEvent(event)
  await vi.advanceTimersByTimeAsync(100)
  expect(first.heard.splice(0)).toEqual(['change b', 'appear d', 'gone c'])
  expect(second.heard.splice(0)).toEqual(['change b', 'appear d', 'gone c'])
  leave()
})

test('a watch that fails again and again begins later each time, and not when nobody is there', async () => {
  const { begun, watch } = scriptedWatches()
  const { heard, ...watcher } = listener()
  const leave = makeSharedWatch(watch)(watcher)
  for (const [index, seconds] of [0.5, 1, 2, 4, 8, 16, 30, 30].entries()) {
    begun[index]?.fail(new Error('no'))
    await vi.advanceTimersByTimeAsync(0)
    expect(heard.at(-1)).toContain(`in ${seconds} s`)
    await vi.advanceTimersByTimeAsync(seconds * 1_000 - 1)
    expect(begun).toHaveLength(index + 1)
    await vi.advanceTimersByTimeAsync(1)
    expect(begun).toHaveLength(index + 2)
  }
  begun.at(-1)?.fail(new Error('no'))
  await vi.advanceTimersByTimeAsync(0)
  leave()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(begun).toHaveLength(9)
})
