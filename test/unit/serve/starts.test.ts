import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { makeStarts } from '../../../src/serve/starts.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Whether a promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  return (await Promise.race([promise.then(() => true), Promise.resolve(false).then(() => false)])) === true
}

test('places are handed on in the order they were asked for, each once', async () => {
  const { enter } = makeStarts(1)
  const leave = await enter()
  const second = enter()
  const third = enter()
  expect(await isSettled(second)).toBe(false)
  leave()
  leave()
  const leaveSecond = await second
  expect(await isSettled(third)).toBe(false)
  leaveSecond()
  await third
})

test('a start that does not end holds up nobody for long', async () => {
  const { enter } = makeStarts(1)
  await enter()
  const second = enter()
  await vi.advanceTimersByTimeAsync(5_000)
  await second
})

test('who does not want a place any more leaves the queue', async () => {
  const { enter } = makeStarts(1)
  const leave = await enter()
  const gone = new AbortController()
  const second = enter(gone.signal)
  const third = enter()
  gone.abort()
  await expect(second).rejects.toThrow()
  leave()
  await third
  await expect(enter(gone.signal)).rejects.toThrow()
})
