import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { makeStarts, type Starter } from '../../../../src/serve/captures/start-limiter.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const { signal } = new AbortController()
const client = (peer = 'a', connection: object = {}): Starter => ({ peer, connection, signal })

/** Whether a promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  return (await Promise.race([promise.then(() => true), Promise.resolve(false).then(() => false)])) === true
}

test('places are handed on in the order they were asked for, each once', async () => {
  const { enter } = makeStarts(1)
  const leave = await enter(client())
  const second = enter(client())
  const third = enter(client())
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
  await enter(client())
  const second = enter(client())
  await vi.advanceTimersByTimeAsync(5_000)
  await second
})

test('who does not want a place any more leaves the queue', async () => {
  const { enter } = makeStarts(1)
  const leave = await enter(client())
  const gone = new AbortController()
  const second = enter({ ...client(), signal: gone.signal })
  const third = enter(client())
  gone.abort()
  await expect(second).rejects.toThrow()
  leave()
  await third
  await expect(enter({ ...client(), signal: gone.signal })).rejects.toThrow()
})

test('the turn goes round the clients, and round the connections of each', async () => {
  const { enter } = makeStarts(1)
  const order: string[] = []
  const connections = { a1: {}, a2: {}, b1: {} }
  const leave = await enter(client())
  const begun = (['a1', 'a1', 'a1', 'a2', 'a2', 'b1', 'b1'] as const).map(async (name, index) => {
    const done = await enter(client(name.slice(0, 1), connections[name]))
    order.push(`${name}.${index}`)
    done()
  })
  leave()
  await Promise.all(begun)
  expect(order).toEqual(['a1.0', 'b1.5', 'a2.3', 'b1.6', 'a1.1', 'a2.4', 'a1.2'])
})

test('any number of one client is refused, and keeps nobody else out', async () => {
  const { enter } = makeStarts(1, 3)
  const leave = await enter(client())
  const waiting = Array.from({ length: 3 }, () => enter(client('flood')))
  await expect(enter(client('flood'))).rejects.toMatchObject({ code: 'LIMIT' })
  const other = enter(client('other'))
  leave()
  const [leaveFirst] = await Promise.all([waiting[0]])
  leaveFirst?.()
  await other
})
