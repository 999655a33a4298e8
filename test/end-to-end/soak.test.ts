/** A minute of `npm run soak`, without containers. */
import { expect, test } from 'vitest'
import { seed } from '../helpers/seed.ts'
import { soak } from '../soak/run.ts'

test('what a service and a watch hold does not grow, and is in the end what it was at the start', async () => {
  const { captures, verdicts, failures } = await soak({ seconds: 50, seed })
  expect(failures, `REMORA_SEED=${seed}`).toEqual([])
  expect(verdicts.filter(({ grows }) => grows)).toEqual([])
  expect(Object.values(captures).reduce((sum, count) => sum + count)).toBeGreaterThan(20)
}, 240_000)
