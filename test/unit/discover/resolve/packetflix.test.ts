/** Which target a description of a stock client means. */
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { referenceOfStock } from '../../../../src/discover/resolve/packetflix.ts'
import type { Target } from '../../../../src/model/target.ts'
import { stockTarget } from '../../../../src/protocol/packetflix/target.ts'

const mount = (name: string, netns: number): Target => ({
  ...{ reference: `${name} in ${netns}`, name, type: 'bindmount', prefix: '', netns, pid: 0, startTime: 0 },
  ...{ interfaces: [], addresses: [] },
})
const targets = [
  mount('/run/netns/blue', 7),
  mount('/proc/55/ns/mnt:/run/netns/blue', 8),
  mount('/proc/66/ns/mnt:/run/netns/red', 9),
]

test.each<[string, number, string]>([
  ['/run/netns/blue', 0, '/run/netns/blue in 7'],
  ['/proc/1/ns/mnt:/run/netns/blue', 7, '/run/netns/blue in 7'],
  // Made anew since it was listed.
  ['/proc/1/ns/mnt:/run/netns/blue', 6, '/run/netns/blue in 7'],
  ['/proc/55/ns/mnt:/run/netns/blue', 8, '/proc/55/ns/mnt:/run/netns/blue in 8'],
  // The process through which it was seen has ended.
  ['/proc/77/ns/mnt:/run/netns/red', 9, '/proc/66/ns/mnt:/run/netns/red in 9'],
  ['/proc/77/ns/mnt:/run/netns/red', 5, 'TARGET_NOT_FOUND'],
  ['/run/netns/red', 5, 'TARGET_NOT_FOUND'],
])('%s in %i: %s', (name, netns, expected) => {
  const wanted = v.parse(stockTarget, { name, type: 'bindmount', netns })
  const meaning = () => {
    try {
      return referenceOfStock(wanted, targets)
    } catch (error) {
      return (error as { code?: string }).code
    }
  }
  expect(meaning()).toBe(expected)
})
