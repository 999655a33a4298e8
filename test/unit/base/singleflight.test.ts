import { expect, test } from 'vitest'
import { singleflight } from '../../../src/base/singleflight.ts'

/** An action whose runs end when told to. */
function slow() {
  const runs: PromiseWithResolvers<number>[] = []
  const shared = singleflight(() => {
    const run = Promise.withResolvers<number>()
    runs.push(run)
    return run.promise
  })
  return { shared, runs }
}

const settle = () => new Promise(resolve => setImmediate(resolve))

test('who comes while it runs shares the next run', async () => {
  const { shared, runs } = slow()
  const first = shared()
  const [second, third] = [shared(), shared()]
  expect(runs).toHaveLength(1)
  runs[0]?.resolve(1)
  expect(await first).toBe(1)
  await settle()
  expect(runs).toHaveLength(2)
  runs[1]?.resolve(2)
  expect(await Promise.all([second, third])).toEqual([2, 2])
})

test('a failure is that of one run', async () => {
  const { shared, runs } = slow()
  const first = shared()
  const second = shared()
  runs[0]?.reject(new Error('this one'))
  await expect(first).rejects.toThrow('this one')
  await settle()
  runs[1]?.resolve(2)
  expect(await second).toBe(2)
  const third = shared()
  runs[2]?.resolve(3)
  expect(await third).toBe(3)
})

test('at most one runs at a time, however many ask', async () => {
  let running = 0
  let most = 0
  const shared = singleflight(async () => {
    most = Math.max(most, ++running)
    await settle()
    running--
  })
  const asked: Promise<void>[] = []
  for (let count = 0; count < 50; count++) {
    asked.push(shared())
    if (count % 3 === 0) await settle()
  }
  await Promise.all(asked)
  expect(most).toBe(1)
})
