/** The order of containers and pods, and references that tell them apart. */
import { describe, expect, test } from 'vitest'
import { behindTheirOwners, groupUnits, type Listed, referencesIn } from '../../../../src/discover/list/workloads.ts'
import type { Container, Engine } from '../../../../src/engine/engine.ts'

const owner = { name: 'docker', address: '' } as Engine

function container(name: string, more: Partial<Container> = {}): Listed {
  const nothing = {
    socket: '',
    prefix: '',
    image: '',
    state: 'running',
    created: 0,
    addresses: [],
    labels: {},
  } as const
  return { ...nothing, engine: 'docker', id: name, name, owner, ...more }
}

const inPod = (pod: string, name: string, sandbox = false) =>
  container(name, { engine: 'cri', id: `${pod}-${name}`, pod: { name: `lab/${pod}`, id: pod, sandbox } })

describe('what shares a network', () => {
  const names = (containers: Listed[], network: Record<string, string | undefined>) =>
    behindTheirOwners(groupUnits(containers), ({ containers: [first] }) => network[first.name]).map(
      ({ containers: [first] }) => first.name,
    )

  test('stands behind the eldest of it, wherever that is', () => {
    const listed = ['side', 'new', 'other', 'main', 'old'].map(name => container(name))
    expect(names(listed, { side: 'n', other: 'n', main: 'n', new: 'm' })).toEqual([
      'new',
      'main',
      'side',
      'other',
      'old',
    ])
  })

  test('stands behind its owner where the engine names that', () => {
    const listed = [
      container('main'),
      container('side', { networkOf: 'main' }),
      container('older', { networkOf: 'main' }),
    ]
    expect(names(listed.toReversed(), { main: 'main', side: 'main', older: 'main' })).toEqual(['main', 'older', 'side'])
  })

  test('of the host, or unknown, stays where it is', () => {
    expect(names([container('b'), container('a')], {})).toEqual(['b', 'a'])
  })
})

test('containers of one name in two pods are told apart by id, also from one outside', () => {
  const id = 'ab'.repeat(32)
  const containers = [inPod('a', 'pause', true), inPod('a', 'main'), inPod('b', 'main'), container('main', { id })]
  const twin = container('main', { id: 'chosen/by-hand', engine: 'containerd' })
  const units = groupUnits([...containers, container('main', { id: `cd${id.slice(2)}` }), twin, { ...twin, id: 'x/y' }])
  const { ofUnit, ofContainer } = referencesIn(units)
  expect(units.map(ofUnit)).toEqual([
    'pod:lab/a',
    'pod:lab/b',
    'docker:abababababab',
    'docker:cdababababab',
    'containerd:chosen/by-hand',
    'containerd:x/y',
  ])
  expect(containers.slice(0, 3).map(ofContainer)).toEqual(['cri:pause', 'cri:a-main', 'cri:b-main'])
})
