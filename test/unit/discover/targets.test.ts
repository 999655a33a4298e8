import { describe, expect, test } from 'vitest'
import { withResidents, withShares } from '../../../src/discover/targets.ts'
import type { ProcessEntry } from '../../../src/linux/process/table.ts'
import type { Target } from '../../../src/target/model.ts'

const target = (reference: string, netns: number, type: Target['type'] = 'docker'): Target => ({
  ...{ reference, name: reference, type, prefix: '', netns, pid: 0, startTime: 0 },
  ...{ interfaces: ['lo'], addresses: [] },
})
const process = (pid: number, parent: number, netns: number): ProcessEntry => ({
  ...{ pid, parent, netns, startTime: pid, command: `c${pid}`, mountns: 1, container: undefined },
})

test('targets in one network namespace know of each other', () => {
  const shared = withShares([target('a', 7), target('b', 7), target('c', 8), target('d', 0), target('e', 0)])
  expect(shared.map(({ shares }) => shares)).toEqual([['b'], ['a'], undefined, undefined, undefined])
})

describe('a mounted namespace', () => {
  const table = [process(1, 0, 1), process(5, 1, 7), process(6, 5, 7), process(9, 1, 7)]

  test('gives way to the processes that entered it, where those are wanted', () => {
    const found = withResidents([target('named:blue', 7, 'bindmount'), target('a', 7)], table)
    expect(found.map(({ name, type, pid, interfaces }) => [name, type, pid, interfaces])).toEqual([
      ['c5(5)', 'proc', 5, ['lo']],
      ['c9(9)', 'proc', 9, ['lo']],
      ['a', 'docker', 0, ['lo']],
    ])
  })

  test('stays where nobody lives', () => {
    const empty = target('named:blue', 8, 'bindmount')
    expect(withResidents([empty], table)).toEqual([empty])
  })
})
