import { describe, expect, test } from 'vitest'
import { nearestNames } from '../../../src/base/nearest.ts'

describe('near misses', () => {
  test.each<[string, string[]]>([
    ['wbe', ['web']],
    ['we', ['web', 'webshop']],
    ['wehshop', ['webshop']],
    ['zzzzzz', []],
    ['nflog', []],
    ['webshop1', ['webshop']],
    ['-', []],
  ])('%s', (wanted, near) => {
    expect(nearestNames(wanted, ['web', 'db', 'webshop', 'lo', 'web'])).toEqual(near)
  })

  test('long names are compared by their beginnings', () => {
    expect(nearestNames(`${'x'.repeat(64)}abc`, [`${'x'.repeat(64)}def`])).toEqual([`${'x'.repeat(64)}def`])
  })
})
