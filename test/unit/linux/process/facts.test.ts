import { expect, test } from 'vitest'
import { parseScheduling } from '../../../../src/linux/process/facts.ts'

test('nice, priority and policy are not mixed up', () => {
  const fields = Array.from({ length: 52 }, (_, at) => String(at + 1))
  fields[1] = '(a ) b)'
  expect(parseScheduling(fields.join(' '))).toEqual({ nice: 19, priority: 40, policy: 41 })
})
