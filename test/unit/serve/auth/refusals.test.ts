import type { Logger } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { connectionLimit } from '../../../../src/serve/auth/connections.ts'
import { makeRefusals } from '../../../../src/serve/auth/refusals.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function logged() {
  const lines: unknown[] = []
  const log = { warn: (line: unknown) => lines.push(line) } as unknown as Logger
  return { lines, refusals: makeRefusals(log) }
}

test('a flood is two lines, and each client has its own', () => {
  const { lines, refusals } = logged()
  for (let count = 0; count < 5_000; count++) refusals.note('192.0.2.1', 'LIMIT')
  refusals.note('192.0.2.2', 'LIMIT')
  expect(lines).toEqual([
    { peer: '192.0.2.1', reason: 'LIMIT', count: 1 },
    { peer: '192.0.2.2', reason: 'LIMIT', count: 1 },
  ])
  vi.advanceTimersByTime(10_000)
  expect(lines.slice(2)).toEqual([{ peer: '192.0.2.1', reason: 'LIMIT', count: 4_999 }])
  vi.advanceTimersByTime(60_000)
  expect(lines).toHaveLength(3)
  expect(vi.getTimerCount()).toBe(0)
})

test('any number of clients is counted in bounded memory', () => {
  const { lines, refusals } = logged()
  for (let client = 0; client < 5_000; client++) refusals.note(`client ${client}`, 'UNAUTHORIZED')
  expect(lines).toHaveLength(1_001)
  expect(lines.at(-1)).toEqual({ peer: 'others', reason: 'UNAUTHORIZED', count: 1 })
})

test.each([
  ['Max open files            1024                 1048576              files', 256],
  ['Max open files            90                   90                   files', 22],
  ['Max open files            65536                65536                files', 2_000],
  ['Max open files            unlimited            unlimited            files', 2_000],
  ['', 2_000],
])('of "%s" connections may be %i', (limits, count) => {
  expect(connectionLimit(`Max cpu time  unlimited unlimited seconds\n${limits}\n`)).toBe(count)
})
