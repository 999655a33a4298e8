/** The search for targets without any host: what each event brings about, and what holds whatever comes. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ContainerStart,
  describeSearch,
  type Found,
  isPending,
  newSearch,
  type SearchCommand,
  type SearchEvent,
  type SearchState,
  stepSearch,
} from '../../../../src/capture/early/search-state.ts'

const broken = new Error('broken')
const start = (id: string) => ({ source: 'container', event: { kind: 'start', id } }) as unknown as ContainerStart

/** A target that two references may mean. */
function target(key: number, from: readonly string[] = ['web'], identity = `life ${key}`): Found {
  return { key, identity, from }
}

const changed: SearchEvent = { on: 'changed' }
const released: SearchEvent = { on: 'released' }
const closed: SearchEvent = { on: 'closed' }
const found = (...targets: Found[]): SearchEvent => ({ on: 'found', targets, complete: true })
const partly = (...targets: Found[]): SearchEvent => ({ on: 'found', targets, complete: false })
const claimed = (one: Found, isCaptured = true): SearchEvent => ({ on: 'claimed', target: one, isCaptured })
const failed = (passes: boolean): SearchEvent => ({ on: 'failed', error: broken, passes })
const began = (id: string): SearchEvent => ({ on: 'started', start: start(id) })

/** Commands in words. */
function worded(command: SearchCommand): string {
  if (command.do === 'claim') return `claim ${command.target.key}`
  if (command.do === 'close') return `close ${command.key}`
  if (command.do === 'release') return `release ${command.starts.map(({ event }) => event.id).join(' ') || 'nobody'}`
  return command.do
}

/** Runs events, and returns the last state with the commands of the last event. */
function run(events: readonly SearchEvent[], { follow = false, references = ['web', 'db'] } = {}) {
  let state: SearchState = newSearch(references, [])
  let commands: readonly SearchCommand[] = []
  for (const event of events) ({ state, commands } = stepSearch(state, event, { follow }))
  return { state, commands: commands.map(worded) }
}

const web = target(1)
const had = [changed, found(web), claimed(web), released]

describe('what an event brings about', () => {
  test.each<[string, readonly SearchEvent[], readonly string[], string]>([
    ['the begin', [changed], ['look'], '0 to be taken, 2 waited for'],
    ['a change during a look', [changed, changed], [], '0 to be taken, 2 waited for'],
    ['a look without a result', [changed, found()], ['release nobody'], '0 to be taken, 2 waited for'],
    ['a look after a change', [changed, changed, found(), released], ['look'], '0 to be taken, 2 waited for'],
    ['rest', [changed, found(), released], [], '0 to be taken, 2 waited for'],
    ['one that is wanted', [changed, found(web)], ['claim 1', 'release nobody'], '0 to be taken, 2 waited for'],
    ['its early capture', [changed, found(web), claimed(web)], ['slow-down', 'wake'], '1 to be taken, 1 waited for'],
    ['one that has gone', [changed, found(web), claimed(web, false)], ['close 1'], '0 to be taken, 2 waited for'],
    ['one that is taken', [...had, { on: 'taken' }], [], '0 to be taken, 1 waited for'],
    [
      'the next life of it',
      [...had, changed, found(target(2))],
      ['close 2', 'release nobody'],
      '1 to be taken, 1 waited for',
    ],
    [
      'another reference to it',
      [...had, changed, found(target(2, ['web', 'db'], 'life 1'))],
      ['close 2', 'wake', 'release nobody'],
      '1 to be taken, 0 waited for',
    ],
    [
      'one that was missed',
      [...had, { on: 'taken' }, { on: 'missed', from: ['web'] }],
      [],
      '0 to be taken, 2 waited for',
    ],
    [
      'others that started',
      [began('a'), began('b'), found(), released, found()],
      ['release b'],
      '0 to be taken, 2 waited for',
    ],
    ['a look that saw not all', [began('a'), partly()], [], '0 to be taken, 2 waited for'],
    [
      'the complete one after it',
      [began('a'), partly(), changed, found()],
      ['release a'],
      '0 to be taken, 2 waited for',
    ],
    ['a failure', [changed, failed(false)], ['wake'], 'failed, 0 to be taken, 2 waited for'],
    ['a lack at first', [changed, failed(true)], ['wake'], 'failed, 0 to be taken, 2 waited for'],
    ['a lack later', [...had, changed, failed(true)], ['warn'], '1 to be taken, 1 waited for'],
    ['a change after a failure', [changed, failed(false), changed], [], 'failed, 0 to be taken, 2 waited for'],
    ['the end', [...had, closed], ['stop', 'close 1'], 'over, 0 to be taken, 1 waited for'],
    ['a look that outlasts it', [changed, closed, found(web)], ['close 1'], 'over, 0 to be taken, 2 waited for'],
    ['a failure after it', [changed, closed, failed(false)], [], 'over, 0 to be taken, 2 waited for'],
    ['a claim after it', [changed, found(web), closed, claimed(web)], ['close 1'], 'over, 0 to be taken, 2 waited for'],
  ])('%s', (_, events, commands, described) => {
    const { state, ...said } = run(events)
    expect([said.commands, describeSearch(state)]).toEqual([commands, described])
  })

  test('with --follow each life is wanted, but one that is known; a forgotten one counts again', () => {
    const again = target(2, ['web'], 'life 1')
    const all = { follow: true }
    expect(run([...had, changed, found(target(2))], all).commands).toEqual(['claim 2', 'release nobody'])
    expect(run([...had, changed, found(again)], all).commands).toEqual(['close 2', 'wake', 'release nobody'])
    const forgotten: SearchEvent = { on: 'forgotten', identity: 'life 1' }
    expect(run([...had, forgotten, changed, found(again)], all).commands).toEqual(['claim 2', 'release nobody'])
    expect(run([...had, changed, partly(), changed, found(again)], all).commands).toContain('close 2')
    expect(run([...had, changed, found(), released, changed, found(again)], all).commands).toContain('claim 2')
  })

  test('of lives that nobody takes the eldest are closed', () => {
    const many = Array.from({ length: 66 }, (_, index) => target(index))
    const { state, commands } = run([changed, found(...many), ...many.map(one => claimed(one))], { follow: true })
    expect([state.lives.length, state.lives[0], commands]).toEqual([64, 2, ['slow-down', 'close 1', 'wake']])
  })
})

test('known targets serve what means them', () => {
  const state = newSearch(['web', 'db'], [{ identity: 'life 1', from: ['web'] }])
  expect([[...state.pending], isPending(state, { follow: false })]).toEqual([['db'], true])
  const served = newSearch(['web'], [{ identity: 'life 1', from: ['web'] }])
  expect([isPending(served, { follow: false }), isPending(served, { follow: true })]).toEqual([false, true])
})

test('whatever comes, each target is closed or taken once, looks do not overlap, and nothing is left open at the end', () => {
  const step = fc.record({
    kind: fc.constantFrom('changed', 'look', 'partly', 'fails', 'lacks', 'released', 'taken', 'missed', 'forgotten'),
    count: fc.nat(3),
    identity: fc.nat(4),
    isCaptured: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), fc.nat(60), (steps, follow, closing) => {
      let state: SearchState = newSearch(['web', 'db'], [])
      const open = new Set<number>()
      let [looks, key, pendingClaims] = [0, 0, [] as Found[]]
      const feed = (event: SearchEvent) => {
        const next = stepSearch(state, event, { follow })
        ;({ state } = next)
        for (const command of next.commands) {
          if (command.do === 'look') expect(++looks).toBe(1)
          if (command.do === 'claim') pendingClaims.push(command.target)
          if (command.do === 'close') expect(open.delete(command.key)).toBe(true)
        }
      }
      const act = ({ kind, count, identity, isCaptured }: (typeof steps)[number]) => {
        const targets = Array.from({ length: count }, (_, index) =>
          target(++key, [index % 2 === 0 ? 'web' : 'db'], `life ${identity + index}`),
        )
        if (kind === 'changed' || kind === 'released') feed({ on: kind })
        if (kind === 'missed') feed({ on: kind, from: ['web'] })
        if (kind === 'forgotten') feed({ on: kind, identity: `life ${identity}` })
        const [life] = state.lives
        if (kind === 'taken' && life !== undefined) {
          feed({ on: kind })
          expect(open.delete(life)).toBe(true)
        }
        if (looks === 0 || !['look', 'partly', 'fails', 'lacks'].includes(kind)) return
        looks = 0
        if (kind === 'fails' || kind === 'lacks') return feed({ on: 'failed', error: broken, passes: kind === 'lacks' })
        for (const one of targets) open.add(one.key)
        feed({ on: 'found', targets, complete: kind === 'look' })
        const claims = pendingClaims
        pendingClaims = []
        for (const one of claims) feed({ on: 'claimed', target: one, isCaptured })
      }
      for (const [index, one] of steps.entries()) {
        if (index === closing) feed({ on: 'closed' })
        act(one)
        expect(new Set(state.lives)).toEqual(open)
      }
      feed({ on: 'closed' })
      expect(open.size).toBe(0)
    }),
    { numRuns: 2_000 },
  )
})
