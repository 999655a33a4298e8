import { describe, expect, test } from 'vitest'
import { withResidents, withShares } from '../../../../src/discover/list/targets.ts'
import type { ContainedProcess } from '../../../../src/engine/processes.ts'
import type { Target } from '../../../../src/model/target.ts'

const target = (reference: string, netns: number, type: Target['type'] = 'docker'): Target => ({
  ...{ reference, name: reference, type, prefix: '', netns, pid: 0, startTime: 0 },
  ...{ interfaces: ['lo'], addresses: [] },
})
const process = (pid: number, parent: number, netns: number): ContainedProcess => ({
  ...{ pid, parent, netns, startTime: pid, command: `c${pid}`, mountns: 1, container: undefined },
})

test('targets in one network namespace know of each other', () => {
  const shared = withShares([target('a', 7), target('b', 7), target('c', 8), target('d', 0), target('e', 0)])
  expect(shared.map(({ shares }) => shares)).toEqual([['b'], ['a'], undefined, undefined, undefined])
})

describe('a namespace with containers and a leader of its own', () => {
  const container = (pid: number, startTime: number, netns = 7): Target => ({
    ...{ ...target(`c${pid}`, netns), pid, startTime },
    container: { engine: 'docker', id: `id${pid}`, image: '', state: 'running', labels: {}, socket: '/s' },
  })
  const inContainer = (entry: ContainedProcess): ContainedProcess => ({
    ...entry,
    container: { engine: 'docker', id: 'id6' },
  })
  const names = (...given: Parameters<typeof withResidents>) => withResidents(...given).map(({ name }) => name)

  test('has the leader too, which was there before them', () => {
    const table = [process(1, 0, 1), process(5, 1, 7), inContainer(process(6, 5, 7)), process(9, 1, 7)]
    expect(names([container(6, 6)], table)).toEqual(['c6', 'c5(5)'])
    expect(withResidents([container(6, 6)], table)[1]).toMatchObject({
      type: 'proc',
      pid: 5,
      netns: 7,
      interfaces: ['lo'],
    })
  })

  test('but nobody who came later, or runs in a container', () => {
    const table = [process(1, 0, 1), inContainer(process(6, 1, 7)), process(9, 1, 7)]
    expect(names([container(6, 6)], table)).toEqual(['c6'])
    expect(names([container(9, 9)], [process(1, 0, 1), inContainer(process(6, 1, 7))])).toEqual(['c9'])
  })

  test('and not where it is listed already, or nobody knows who was first', () => {
    const table = [process(1, 0, 7), process(5, 0, 7), process(6, 5, 7)]
    expect(names([target('host', 7, 'host'), container(6, 6)], table)).toEqual(['host', 'c6'])
    expect(names([container(0, 0)], [process(1, 0, 1), process(5, 1, 7)])).toEqual(['c0'])
  })
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
