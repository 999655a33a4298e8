import { describe, expect, test } from 'vitest'
import type { HostChange } from '../../../../src/discover/host/changes.ts'
import { makeWatchState, settling } from '../../../../src/discover/watch/watch-state.ts'
import type { Engine } from '../../../../src/engine/engine.ts'
import { readStartTime } from '../../../../src/linux/process/proc.ts'
import type { Target } from '../../../../src/model/target.ts'

const nothing = { prefix: '', netns: 1, pid: 0, startTime: 0, interfaces: [], addresses: [] } as const
const container = (name: string, id: string, pid: number, startTime = 1): Target => ({
  ...nothing,
  reference: `docker:${name}`,
  name,
  type: 'docker',
  pid,
  startTime,
  container: { engine: 'docker', id, image: '', state: 'running', labels: {}, socket: '/s' },
})
const mount: Target = { ...nothing, reference: 'named:blue', name: '/run/netns/blue', type: 'bindmount' }

const engine = { name: 'docker' } as Engine
const told = (kind: 'start' | 'end', id: string): HostChange => ({
  source: 'container',
  engine,
  event: { id, kind, name: `name-of-${id}` },
})

/** Looks one after another; what each tells, as `event name`. */
function watching() {
  const state = makeWatchState()
  return (targets: readonly Target[], { now = 0, answered = ['/s'], changes = [] as HostChange[] } = {}) =>
    state
      .differences(state.take({ targets, answered, changes, now }))
      .map(({ event, target }) => `${event} ${target.name}`)
}

describe('from one look to the next', () => {
  test('what is there first appears, what differs changes, what is not found has gone', () => {
    const look = watching()
    expect(look([container('web', 'a', 1), mount])).toEqual(['appear web', 'appear /run/netns/blue'])
    expect(look([container('web', 'a', 1), mount])).toEqual([])
    expect(look([container('www', 'a', 1), mount])).toEqual(['change www'])
    expect(look([mount])).toEqual(['gone www'])
  })

  test('a container that started again is another one', () => {
    const look = watching()
    look([container('web', 'a', 1)])
    expect(look([container('web', 'a', 2)])).toEqual(['gone web', 'appear web'])
    expect(look([container('web', 'a', 2, 9)])).toEqual(['gone web', 'appear web'])
  })

  test('a namespace without a container is told when none has come of it', () => {
    const look = watching()
    look([])
    expect(look([mount], { now: 10 })).toEqual([])
    expect(look([mount], { now: 10 + settling })).toEqual(['appear /run/netns/blue'])
    const again = watching()
    again([])
    expect(again([mount], { now: 10 })).toEqual([])
    expect(again([container('web', 'a', 1)], { now: 300 })).toEqual(['appear web'])
    expect(again([container('web', 'a', 1)], { now: 5_000 })).toEqual([])
  })

  test('a container of an engine that does not answer stays for as long as its process lives', () => {
    const look = watching()
    const [pid, startTime] = [process.pid, readStartTime(process.pid) ?? 0]
    look([container('alive', 'a', pid, startTime), container('dead', 'b', 4_000_000)])
    expect(look([], { answered: [] })).toEqual(['gone dead'])
    const trace: Target = { ...container('aaaaaaaaaaaa', 'a', pid, startTime), container: undefined as never }
    expect(look([trace], { answered: [] })).toEqual([])
    expect(look([container('alive', 'a', pid, startTime)])).toEqual([])
  })

  test('one that came and went in between is known by its events, and only then', () => {
    const look = watching()
    look([])
    expect(look([], { changes: [told('start', 'x'), told('end', 'x')] })).toEqual([
      'appear name-of-x',
      'gone name-of-x',
    ])
    expect(look([], { changes: [told('start', 'y')] })).toEqual([])
    expect(look([], { changes: [told('end', 'y')] })).toEqual(['appear name-of-y', 'gone name-of-y'])
    expect(look([container('z', 'z', 1)], { changes: [told('start', 'z')] })).toEqual(['appear z'])
    expect(look([], { changes: [told('end', 'z')] })).toEqual(['gone z'])
    expect(look([], { changes: [told('end', 'never')] })).toEqual([])
  })
})
