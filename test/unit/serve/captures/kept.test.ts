import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { PreparedStream } from '../../../../src/capture/stream.ts'
import { type KeptCaptures, makeKeptCaptures } from '../../../../src/serve/captures/kept.ts'

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
  kept.keep('ticket', stream, 'a')
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
  kept.keep('ticket', stream, 'a')
  vi.advanceTimersByTime(5_001)
  expect(close).toHaveBeenCalledOnce()
  expect(kept.take('ticket')).toBeUndefined()
  kept.close()
  expect(close).toHaveBeenCalledOnce()
})

/** So many captures of a client, in the box. */
function keepMany(kept: KeptCaptures, count: number, peer: string) {
  const all = Array.from({ length: count }, prepared)
  for (const [index, { stream }] of all.entries()) kept.keep(`${peer} ${index}`, stream, peer)
  return all
}

/** Numbers of those that were closed. */
function closedOf(all: readonly ReturnType<typeof prepared>[]): number[] {
  return all.flatMap(({ close }, index) => (close.mock.calls.length > 0 ? [index] : []))
}

test('a client has 16 places, and the end of the service closes all of them', () => {
  const kept = makeKeptCaptures()
  const all = keepMany(kept, 18, 'a')
  expect(closedOf(all)).toEqual([16, 17])
  expect(kept.take('a 3')).toBe(all[3]?.stream)
  const again = prepared()
  kept.keep('again', again.stream, 'a')
  expect(again.close).not.toHaveBeenCalled()
  kept.close()
  expect(all.map(({ close }) => close.mock.calls.length)).toEqual(all.map((_, index) => (index === 3 ? 0 : 1)))
})

test('no client pushes out what others prepared; where all are taken, who has the most gives its eldest up', () => {
  const kept = makeKeptCaptures()
  const [mine] = keepMany(kept, 1, 'mine')
  const others = ['a', 'b', 'c', 'd'].map(peer => keepMany(kept, 100, peer))
  expect(mine?.close).not.toHaveBeenCalled()
  const [late] = keepMany(kept, 1, 'late')
  expect(late?.close).not.toHaveBeenCalled()
  expect(others.map(all => all.length - closedOf(all).length)).toEqual([15, 16, 16, 15])
  expect(closedOf(others[0] ?? [])[0]).toBe(0)
  kept.close()
  expect(others.flat().every(({ close }) => close.mock.calls.length === 1)).toBe(true)
})
