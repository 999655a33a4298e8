/** Which interface belongs to which, from what the kernel says on either side. */
import { describe, expect, test } from 'vitest'
import type { DetailedInterface, LinkReference } from '../../../src/model/interface.ts'
import { arePeers, relate } from '../../../src/model/relations.ts'
import { plainInterface } from '../../helpers/plain-interface.ts'

function nif(name: string, index: number, kind: string, lower?: LinkReference): DetailedInterface {
  return { ...plainInterface, name, index, kind, ...(lower && { lower }) }
}

const veth = (name: string, index: number, lower: LinkReference) => nif(name, index, 'veth', lower)

function told(
  namespaces: { netns: number; interfaces: DetailedInterface[] }[],
  ids?: Map<number, Map<number, number>>,
) {
  const { lowers, open } = relate(namespaces, ids)
  return {
    lowers: Object.fromEntries(
      [...lowers].map(
        ([
          { name },
          {
            netns,
            nif: { name: other },
          },
        ]) => [name, `${netns} ${other}`],
      ),
    ),
    open,
  }
}

describe('veth', () => {
  test('both ends in one namespace know each other by index', () => {
    const interfaces = [veth('a', 2, { index: 3 }), veth('b', 3, { index: 2 })]
    expect(told([{ netns: 1, interfaces }])).toEqual({ lowers: { a: '1 b', b: '1 a' }, open: [] })
  })

  const host = { netns: 1, interfaces: [veth('v1', 7, { index: 2, nsid: 0 }), veth('v2', 9, { index: 2, nsid: 1 })] }
  const containers = [
    { netns: 2, interfaces: [veth('e1', 2, { index: 7, nsid: 0 })] },
    { netns: 3, interfaces: [veth('e2', 2, { index: 9, nsid: 0 })] },
  ]

  test('indexes that mirror each other are no proof, but a reason to ask the namespace with the most of them', () => {
    expect(told([host, ...containers])).toEqual({ lowers: {}, open: [1] })
  })

  test('the answer of one end is enough', () => {
    const ids = new Map([
      [
        1,
        new Map([
          [0, 2],
          [1, 3],
        ]),
      ],
    ])
    expect(told([host, ...containers], ids)).toEqual({
      lowers: { v1: '2 e1', e1: '1 v1', v2: '3 e2', e2: '1 v2' },
      open: [],
    })
  })

  test('an end whose namespace the first one does not know is asked for itself', () => {
    const first = told([host, ...containers], new Map([[1, new Map([[0, 2]])]]))
    expect(first).toEqual({ lowers: { v1: '2 e1', e1: '1 v1' }, open: [3] })
    const both = new Map([
      [1, new Map([[0, 2]])],
      [3, new Map([[0, 1]])],
    ])
    expect(told([host, ...containers], both)).toEqual({
      lowers: { v1: '2 e1', e1: '1 v1', v2: '3 e2', e2: '1 v2' },
      open: [],
    })
  })

  test('a stranger with the indexes of a peer that cannot be seen is no peer, and teaches nothing', () => {
    const stranger = { netns: 4, interfaces: [veth('s', 2, { index: 7, nsid: 5 })] }
    const alone = { netns: 1, interfaces: [veth('v1', 7, { index: 2, nsid: 0 }), veth('w1', 8, { index: 3, nsid: 0 })] }
    expect(told([alone, stranger])).toEqual({ lowers: {}, open: [1] })
    const ids = new Map([
      [1, new Map<number, number>()],
      [4, new Map<number, number>()],
    ])
    expect(told([alone, stranger], ids)).toEqual({ lowers: {}, open: [] })
  })

  test('where the number is known, the interface must point back all the same', () => {
    const here = { netns: 1, interfaces: [veth('v', 7, { index: 2, nsid: 0 })] }
    const there = { netns: 4, interfaces: [veth('s', 2, { index: 6, nsid: 5 })] }
    expect(told([here, there], new Map([[1, new Map([[0, 4]])]]))).toEqual({ lowers: {}, open: [] })
  })

  const twins = [1, 2, 3, 4].map(netns => ({ netns, interfaces: [veth(`v${netns}`, 2, { index: 2, nsid: 0 })] }))

  test('pairs that look alike are settled by what the numbers mean', () => {
    expect(told(twins).lowers).toEqual({})
    const ids = new Map([
      [1, new Map([[0, 3]])],
      [2, new Map([[0, 4]])],
    ])
    expect(told(twins, ids)).toEqual({ lowers: { v1: '3 v3', v3: '1 v1', v2: '4 v4', v4: '2 v2' }, open: [] })
  })

  test('a pair that is proven tells what the number means for its neighbours', () => {
    const namespaces = [
      { netns: 1, interfaces: [veth('v1', 5, { index: 2, nsid: 4 }), veth('w1', 6, { index: 6, nsid: 4 })] },
      { netns: 2, interfaces: [veth('v2', 2, { index: 5, nsid: 0 }), veth('w2', 6, { index: 6, nsid: 0 })] },
      { netns: 3, interfaces: [veth('w3', 6, { index: 6, nsid: 0 })] },
    ]
    const { lowers } = told(namespaces, new Map([[2, new Map([[0, 1]])]]))
    expect(lowers).toEqual({ v1: '2 v2', v2: '1 v1', w1: '2 w2', w2: '1 w1' })
  })

  test('a peer in a namespace nobody can see is no peer', () => {
    expect(told([{ netns: 1, interfaces: [veth('v', 5, { index: 2, nsid: 0 })] }])).toEqual({ lowers: {}, open: [] })
  })

  test('ten thousand alike are settled, or left open, in a time that grows with their number', {
    timeout: 30_000,
  }, () => {
    const many = Array.from({ length: 10_000 }, (_, netns) => ({
      netns,
      interfaces: [veth(`v${netns}`, 2, { index: 2, nsid: 0 })],
    }))
    expect(told(many).open).toHaveLength(10_000)
  })
})

describe('stacked interfaces', () => {
  const parent = { netns: 1, interfaces: [nif('eth0', 2, ''), veth('v', 9, { index: 5, nsid: 3 })] }

  test('a macvlan that moved is not guessed at: an index is soon found everywhere', () => {
    const child = { netns: 2, interfaces: [nif('mv', 4, 'macvlan', { index: 2, nsid: 0 })] }
    expect(told([parent, child])).toEqual({ lowers: {}, open: [2] })
    expect(told([parent, child], new Map([[2, new Map([[0, 1]])]])).lowers).toEqual({ mv: '1 eth0' })
  })

  test('what a veth pair tells holds for a macvlan too', () => {
    const child = {
      netns: 2,
      interfaces: [veth('w', 5, { index: 9, nsid: 0 }), nif('mv', 4, 'macvlan', { index: 2, nsid: 0 })],
    }
    expect(told([parent, child], new Map([[1, new Map([[3, 2]])]]))).toEqual({
      lowers: { v: '2 w', w: '1 v', mv: '1 eth0' },
      open: [],
    })
  })
})

describe('peers, whatever their kind', () => {
  const at = (netns: number, index: number, lower: LinkReference) => ({ netns, nif: nif('x', index, '', lower) })
  const ids = new Map([
    [1, new Map([[0, 2]])],
    [
      2,
      new Map([
        [5, 1],
        [6, 3],
      ]),
    ],
  ])
  const near = at(1, 7, { index: 2, nsid: 0 })

  test.each([
    ['both ends mean each other', at(2, 2, { index: 7, nsid: 5 }), true],
    ['the far end means another namespace, as under a macvlan', at(2, 2, { index: 7, nsid: 6 }), false],
    ['the far end means a namespace nobody knows', at(2, 2, { index: 7, nsid: 9 }), false],
    ['the far end means its own namespace', at(2, 2, { index: 7 }), false],
    ['the far end has another index', at(2, 3, { index: 7, nsid: 5 }), false],
    ['the far end means another index', at(2, 2, { index: 8, nsid: 5 }), false],
    ['the namespace that is meant is another', at(3, 2, { index: 7, nsid: 5 }), false],
  ])('%s', (_, far, expected) => {
    expect([arePeers(near, far, ids), arePeers(far, near, ids)]).toEqual([expected, expected])
  })

  test('in one namespace no number is needed, and an interface is not its own peer', () => {
    expect(arePeers(at(1, 2, { index: 3 }), at(1, 3, { index: 2 }))).toBe(true)
    expect(arePeers(at(1, 2, { index: 2 }), at(1, 2, { index: 2 }))).toBe(false)
  })
})
