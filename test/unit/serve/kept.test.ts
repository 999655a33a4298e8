import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { PreparedStream } from '../../../src/capture/stream.ts'
import { makeKeptCaptures } from '../../../src/serve/kept.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Something prepared, of which only the end matters here. */
function prepared() {
  const close = vi.fn()
  return { close, stream: { close } as unknown as PreparedStream }
}

test('what is taken in time is the taker’s to close', () => {
  const kept = makeKeptCaptures()
  const { stream, close } = prepared()
  kept.keep('ticket', stream)
  expect(kept.take('other')).toBeUndefined()
  expect(kept.take('ticket')).toBe(stream)
  expect(kept.take('ticket')).toBeUndefined()
  vi.advanceTimersByTime(60_000)
  kept.close()
  expect(close).not.toHaveBeenCalled()
})

test('what nobody takes is closed once', () => {
  const kept = makeKeptCaptures()
  const { stream, close } = prepared()
  kept.keep('ticket', stream)
  vi.advanceTimersByTime(5_001)
  expect(close).toHaveBeenCalledOnce()
  expect(kept.take('ticket')).toBeUndefined()
  kept.close()
  expect(close).toHaveBeenCalledOnce()
})

test('only so many are kept, and the end of the service closes all of them', () => {
  const kept = makeKeptCaptures()
  const all = Array.from({ length: 70 }, prepared)
  for (const [index, { stream }] of all.entries()) kept.keep(String(index), stream)
  expect(all.filter(({ close }) => close.mock.calls.length > 0)).toEqual(all.slice(64))
  kept.close()
  expect(all.every(({ close }) => close.mock.calls.length === 1)).toBe(true)
})
