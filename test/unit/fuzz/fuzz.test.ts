/** A slice of `npm run fuzz`, and all that it has ever found. */
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { seeds } from '../../fuzz/seeds.ts'
import { fuzzTargets } from '../../fuzz/targets.ts'

afterAll(() => {
  for (const { close } of fuzzTargets) close?.()
})

/** Part of its share of the million each target gets here. */
const slice = 1 / 50

test.each(fuzzTargets.map(target => [target.name, target] as const))(
  '%s',
  async (_, { property, cases }) => {
    await fc.assert(property, { numRuns: Math.ceil(cases * slice) })
  },
  60_000,
)

test.each(seeds)('$target: $wrong', async ({ target: name, value }) => {
  const target = fuzzTargets.find(one => one.name === name)
  if (target === undefined) expect.fail(`there is no target ${name}`)
  await fc.assert(target.property, { numRuns: 1, examples: [[value]] })
})
