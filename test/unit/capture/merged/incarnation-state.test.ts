/** The capture of an incarnation without any process: what each event brings about, and what holds whatever comes. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RemoraError } from '../../../../src/base/errors.ts'
import {
  describeIncarnation,
  type IncarnationCommand,
  type IncarnationEvent,
  type IncarnationFacts,
  type IncarnationState,
  newIncarnation,
  phaseOf,
  reportIncarnation,
  stepIncarnation,
  type Tap,
} from '../../../../src/capture/merged/incarnation-state.ts'
import type { SourceEnd } from '../../../../src/capture/merged/interface-capture.ts'
import type { NetworkInterface } from '../../../../src/model/interface.ts'

const allGone = new Error('all have gone')
const broken = new RemoraError('CAPTURE_FAILED', 'broken')
const vanished = new RemoraError('INTERFACE_NOT_FOUND', 'vanished')

const named: IncarnationFacts = {
  ...{ name: 'web', stays: false, everyInterface: false, joins: true, interfaces: ['eth0'] },
  ...{ placesOfEach: 1, mostInterfaces: 3, allGone: () => allGone },
}
const every: IncarnationFacts = { ...named, everyInterface: true, interfaces: [] }
const following: IncarnationFacts = { ...every, stays: true }
const onAny: IncarnationFacts = { ...named, joins: false, interfaces: ['any'] }

function tap(index: number): Tap {
  return { key: `eth${index}`, index, shown: `web/eth${index}`, identity: `${index} 1 eth${index}` }
}

function nif(index: number, up = true): NetworkInterface {
  return { name: `eth${index}`, index, up, linkType: 'ether', loopback: false, addresses: [] } as never
}

function endOf(index: number, end: Partial<SourceEnd> = {}): SourceEnd {
  return {
    report: { name: `web/eth${index}`, received: 1, dropped: 0 },
    ...{ complete: true, gone: false, failure: undefined, ...end },
  }
}

type Told = IncarnationEvent extends infer E ? (E extends IncarnationEvent ? Omit<E, 'isThere'> : never) : never

const opened = (...indexes: number[]): Told => ({ on: 'opened', start: 'first', taps: indexes.map(tap) })
const come = (...indexes: number[]): Told => ({ on: 'opened', start: 'look', taps: indexes.map(tap) })
const begun = (index: number): Told => ({ on: 'tap-begun', tap: tap(index) })
const armed = (index: number): Told => ({ on: 'armed', key: `eth${index}` })
const ended = (index: number, end?: Partial<SourceEnd>): Told => ({
  ...{ on: 'ended', key: `eth${index}`, end: endOf(index, end) },
})
const started = (isReady: boolean, start: 'first' | 'look' = 'first'): Told => ({ on: 'started', start, isReady })
const ticked: Told = { on: 'ticked' }
const asked = (how: 'drain' | 'interrupt' | 'kill'): Told => ({ on: 'asked', how })
const devices = (names?: string): Told => ({ on: 'devices-read', names })
const listed = (interfaces: NetworkInterface[], free = 10): Told => ({ on: 'listed', interfaces, free })
const failed = (start: 'first' | 'look', held = 0): Told => ({ on: 'start-failed', start, error: broken, held })

const armedOne = [opened(1), begun(1), armed(1), started(true)]

/** Commands in words. */
function worded(command: IncarnationCommand): string {
  if ('key' in command) return `${command.do} ${command.key}`
  if (command.do === 'begin') return `begin ${[...command.keys].join(' ') || 'nothing'}`
  if (command.do === 'give-back') return `give back ${command.count}`
  if (command.do === 'open') return command.start === 'first' ? 'open' : `open ${command.names.join(' ')}`
  if (command.do === 'tell-started') return `started: ${command.isArmed}`
  return command.do
}

/** Where events lead to, and the commands of the last one; `gone` stands for the target that goes. */
function converse(facts: IncarnationFacts, events: readonly (Told | 'gone')[]) {
  let state = newIncarnation(new Set())
  let commands: readonly IncarnationCommand[] = []
  let isThere = true
  for (const event of [{ on: 'begun' } as const, ...events]) {
    if (event === 'gone') isThere = false
    else ({ state, commands } = stepIncarnation(state, { ...event, isThere }, facts))
  }
  return { state, words: commands.map(worded).join(', ') }
}

test.each<[string, IncarnationFacts, (Told | 'gone')[], string, string]>([
  ['begins', named, [], 'starting', 'open'],
  ['begins each tap', named, [opened(1, 2)], 'starting', 'begin eth1 eth2'],
  ['is armed', named, armedOne, 'armed', 'started: true'],
  [
    'refuses what cannot be opened',
    named,
    [failed('first')],
    'ended',
    'started: false, finish-early, finish-early, conclude',
  ],
  [
    'ends the others when one cannot be begun',
    named,
    [opened(1, 2), begun(1), failed('first', 1)],
    'ending',
    'give back 1, interrupt eth1, finish-early, started: false, finish-early',
  ],
  [
    'ends the others when one fails before all are armed',
    named,
    [opened(1, 2), begun(1), begun(2), armed(1), ended(2, { failure: broken })],
    'ending',
    'give back 1, hand-back eth2, interrupt eth1, finish-early',
  ],
  [
    'ends with its last interface',
    named,
    [...armedOne, ended(1, { gone: true })],
    'ended',
    'give back 1, hand-back eth1, finish-early, conclude',
  ],
  ['stays without any', following, [...armedOne, ended(1, { gone: true })], 'empty', 'give back 1, hand-back eth1'],
  ['drains', named, [...armedOne, asked('drain')], 'ending', 'drain eth1, finish-early'],
  [
    'is killed while it drains',
    named,
    [...armedOne, asked('drain'), asked('kill')],
    'ending',
    'kill eth1, close-early',
  ],
  ['ends after it was asked', named, [...armedOne, asked('drain'), ended(1)], 'ended', 'give back 1, conclude'],
  ['kills the early capture when all is over', named, [...armedOne, ended(1), asked('kill')], 'ended', 'close-early'],
  ['drains when the target has gone', following, [...armedOne, 'gone', ticked], 'ending', 'drain eth1, finish-early'],
  ['begins nothing after it was asked', named, [asked('drain'), opened(1, 2)], 'ending', 'give back 2, begin nothing'],
  [
    'is over when nothing was begun',
    named,
    [asked('drain'), opened(1), started(false)],
    'ended',
    'started: false, finish-early, conclude',
  ],
  ['ends what was being begun', named, [opened(1), asked('drain'), begun(1)], 'ending', 'interrupt eth1'],
  ['looks again where every interface has gone', every, [opened(1), started(false)], 'starting', 'read-devices'],
  [
    'starts with those that are up then',
    every,
    [opened(1), started(false), devices(), listed([nif(2), nif(3, false)])],
    'starting',
    'open eth2',
  ],
  [
    'is armed with those',
    every,
    [opened(1), started(false), devices(), listed([nif(2)]), come(2), begun(2), armed(2), started(true, 'look')],
    'armed',
    'started: true',
  ],
  [
    'fails where none is up',
    every,
    [opened(1), started(false), devices(), listed([])],
    'ended',
    'started: false, finish-early, finish-early, conclude, finish-settled-early',
  ],
  [
    'does not look again for one that was named',
    named,
    [opened(1), started(false)],
    'ended',
    'started: false, finish-early, finish-early, conclude',
  ],
  [
    'waits for one with --follow',
    following,
    [opened(), started(false), devices(), listed([])],
    'empty',
    'started: false, finish-settled-early',
  ],
  ['looks for more', every, [...armedOne, ticked], 'armed', 'read-devices'],
  ['looks once at a time', every, [...armedOne, ticked, devices('eth1'), ticked], 'armed', ''],
  ['never looks on any', onAny, [...armedOne, ticked], 'armed', 'finish-settled-early'],
  ['lists when devices were not seen', every, [...armedOne, ticked, devices('eth1')], 'armed', 'list'],
  [
    'does not list the same devices again',
    every,
    [...armedOne, ticked, devices('eth1'), listed([nif(1)]), ticked, devices('eth1')],
    'armed',
    'finish-settled-early',
  ],
  [
    'lists again while one is down',
    every,
    [...armedOne, ticked, devices('eth1 eth2'), listed([nif(1), nif(2, false)]), ticked, devices('eth1 eth2')],
    'armed',
    'list',
  ],
  ['opens what has come', every, [...armedOne, ticked, devices('x'), listed([nif(1), nif(2)])], 'armed', 'open eth2'],
  [
    'opens what was named only',
    named,
    [...armedOne, ticked, devices('x'), listed([nif(1), nif(2)])],
    'armed',
    'finish-settled-early',
  ],
  [
    'opens as many as may be',
    every,
    [...armedOne, ticked, devices('x'), listed([2, 3, 4].map(n => nif(n)))],
    'armed',
    'say, open eth2 eth3',
  ],
  [
    'opens as many as there are places',
    every,
    [...armedOne, ticked, devices('x'), listed([nif(2), nif(3)], 1)],
    'armed',
    'say, open eth2',
  ],
  [
    'goes on without one that came and failed',
    every,
    [...armedOne, ticked, devices('x'), listed([nif(2)]), come(2), begun(2), ended(2, { failure: broken })],
    'armed',
    'give back 1, hand-back eth2, tell-missed',
  ],
  [
    'goes on when one vanished before its start',
    every,
    [...armedOne, ticked, devices('x'), listed([nif(2)]), come(2), begun(2), ended(2, { failure: vanished })],
    'armed',
    'give back 1, hand-back eth2',
  ],
  [
    'goes on when a later start fails',
    every,
    [...armedOne, ticked, devices('x'), listed([nif(2)]), failed('look', 1)],
    'armed',
    'give back 1',
  ],
  [
    'tells when it is armed late',
    following,
    [
      opened(),
      started(false),
      devices(),
      { on: 'list-failed' },
      ticked,
      devices(),
      listed([nif(2)]),
      come(2),
      begun(2),
      armed(2),
      started(true, 'look'),
    ],
    'armed',
    'tell-armed',
  ],
])('%s', (_, facts, events, phase, words) => {
  const after = converse(facts, events)
  expect([phaseOf(after.state), after.words]).toEqual([phase, words])
})

describe('the report', () => {
  const report = (facts: IncarnationFacts, events: (Told | 'gone')[], ...early: [early?: never]) =>
    reportIncarnation(converse(facts, events).state, early[0], !events.includes('gone'))

  test('names the interface that has gone', () => {
    expect(report(named, [...armedOne, ended(1, { gone: true })])).toMatchObject({
      ...{ end: 'interface-gone', complete: true, goneInterface: 'web/eth1', failure: undefined },
    })
  })

  test('tells the failure that came first', () => {
    const events = [opened(1, 2), begun(1), begun(2), ended(2, { failure: broken }), ended(1, { failure: vanished })]
    expect(report(named, [...events, started(false)]).failure).toBe(broken)
    expect(report(every, [opened(), started(false), devices(), listed([])]).failure).toBe(allGone)
  })

  test('is not complete when an interface was killed, or there were too many', () => {
    expect(report(named, [...armedOne, asked('kill'), ended(1, { complete: false })]).complete).toBe(false)
    const crowded = [...armedOne, ticked, devices(), listed([nif(1), nif(2)], 0), asked('drain'), ended(1)]
    expect(report(every, crowded).complete).toBe(false)
  })

  test('has what the early capture lost, and no failure where that has everything', () => {
    const { state } = converse(named, ['gone', opened(1), begun(1), failed('first')])
    const early = { report: { name: 'web/any', received: 5, dropped: 2 }, hasHandedOver: false }
    expect(reportIncarnation(state, early, false)).toMatchObject({ interfaces: [early.report], failure: undefined })
    expect(reportIncarnation(state, { ...early, hasHandedOver: true }, false).failure).toBe(broken)
    expect(reportIncarnation(state, early, true).failure).toBe(broken)
  })
})

/** A world that carries commands out as it likes, and holds to account. */
class World {
  readonly facts: IncarnationFacts
  state: IncarnationState
  isThere = true
  taken = 0
  /** Of the taps that are to be begun. */
  begunAtMost = 4
  concluded = 0
  told: boolean[] = []
  readonly running = new Map<string, { start: 'first' | 'look'; armed: boolean }>()
  readonly events: IncarnationEvent[] = []
  /** What is being carried out: each gives one of its events. */
  pending: ((choice: number) => void)[] = []

  constructor(facts: IncarnationFacts) {
    this.facts = facts
    this.state = newIncarnation(new Set())
    this.feed({ on: 'begun' })
  }

  /** Takes events one after the other, as the runner does. */
  feed(event: Told): void {
    this.events.push({ ...event, isThere: this.isThere })
    if (this.events.length > 1) return
    for (let next = this.events[0]; next !== undefined; next = this.events[0]) {
      this.step(next)
      this.events.shift()
    }
    expect(new Set(this.state.running.keys())).toEqual(new Set(this.running.keys()))
  }

  step(event: IncarnationEvent): void {
    const before = this.state
    const { state, commands } = stepIncarnation(before, event, this.facts)
    this.state = state
    if (before.end !== undefined) expect(state.end).toBe(before.end)
    if (before.failure !== undefined) expect(state.failure).toBe(before.failure)
    expect(describeIncarnation(state)).toMatch(/^(starting|armed|empty|ending|ended) \[/)
    for (const command of commands) this.carryOut(command)
  }

  carryOut(command: IncarnationCommand): void {
    const { end } = this.state
    if (command.do === 'open') {
      expect(end).toBeUndefined()
      this.pending.push(choice => this.open(command.start, choice))
    } else if (command.do === 'begin') {
      if (end !== undefined) expect(command.keys.size).toBe(0)
      this.begin(command.start, [...command.keys])
    } else if (command.do === 'give-back') this.taken -= command.count
    else if (command.do === 'drain' || command.do === 'interrupt' || command.do === 'kill') {
      expect(this.running.has(command.key)).toBe(true)
    } else if (command.do === 'read-devices') {
      this.pending.push(choice => this.feed(devices(choice % 2 ? undefined : 'eth1')))
    } else if (command.do === 'list') {
      expect(end).toBeUndefined()
      this.pending.push(choice => this.feed(choice % 5 ? this.list(choice) : { on: 'list-failed' }))
    } else if (command.do === 'tell-started') this.told.push(command.isArmed)
    else if (command.do === 'conclude') {
      this.concluded++
      expect([this.running.size, this.taken]).toEqual([0, 0])
    }
  }

  list(choice: number): Told {
    return listed(
      [1, 2, 3, 4].filter(index => (choice >> index) % 2).map(index => nif(index, choice % 3 > 0)),
      choice % 7,
    )
  }

  open(start: 'first' | 'look', choice: number): void {
    const taps = choice % 7 === 0 ? [] : [1, 2, 3, 4].filter(index => (choice >> index) % 2).map(tap)
    this.taken += taps.length
    this.begunAtMost = choice % 5 === 0 ? 1 : 4
    this.feed(choice % 7 === 0 ? failed(start) : { on: 'opened', start, taps })
  }

  /** Begins taps, some of which may not be begun; then waits until each has been armed, or has ended. */
  begin(start: 'first' | 'look', keys: readonly string[]): void {
    const batch = keys.slice(0, this.begunAtMost)
    for (const key of batch) {
      this.running.set(key, { start, armed: false })
      this.feed({ on: 'tap-begun', tap: tap(Number(key.slice(3))) })
    }
    if (batch.length < keys.length) this.feed(failed(start, keys.length - batch.length))
    else this.pending.push(() => this.awaitReady(start, batch))
  }

  awaitReady(start: 'first' | 'look', batch: readonly string[]): void {
    const own = batch.map(key => this.running.get(key)).filter(tap => tap?.start === start)
    if (own.some(tap => !tap?.armed)) this.pending.push(() => this.awaitReady(start, batch))
    else this.feed(started(own.length > 0, start))
  }

  /** One more thing happens. */
  happen(choice: number): void {
    const outer: ((choice: number) => void)[] = [
      () => this.feed(ticked),
      () => {
        if (choice % 11 === 0) this.isThere = false
      },
      () => {
        if (choice % 5 === 0) this.feed(asked((['drain', 'interrupt', 'kill'] as const)[choice % 3] as 'drain'))
      },
      ...[...this.running].flatMap(([key, tap]) => [
        ...(tap.armed ? [] : [() => this.arm(key)]),
        () => this.endTap(key, choice),
      ]),
    ]
    const at = choice % (outer.length + this.pending.length)
    const [act = outer[at]] = at < outer.length ? [] : this.pending.splice(at - outer.length, 1)
    act?.(choice >> 3)
  }

  arm(key: string): void {
    const tap = this.running.get(key)
    if (tap) tap.armed = true
    this.feed({ on: 'armed', key })
  }

  endTap(key: string, choice: number): void {
    this.running.delete(key)
    const failure = [undefined, undefined, broken, vanished][choice % 4]
    this.feed(ended(Number(key.slice(3)), { failure, gone: choice % 3 === 0, complete: choice % 2 === 0 }))
  }

  /** Everything that is under way comes to its end. */
  settle(): void {
    this.feed(asked('kill'))
    for (let rounds = 0; rounds < 100 && (this.pending.length > 0 || this.running.size > 0); rounds++) {
      for (const act of this.pending.splice(0)) act(1)
      for (const key of [...this.running.keys()]) this.endTap(key, 0)
    }
  }
}

test.each([
  ['named interfaces', named],
  ['every interface', every],
  ['every interface, followed', following],
  ['any', onAny],
])('holds whatever comes: %s', (_, facts) => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000_000), { maxLength: 80 }), choices => {
      const world = new World(facts)
      for (const choice of choices) world.happen(choice)
      expect(world.concluded).toBeLessThanOrEqual(1)
      world.settle()
      expect([world.concluded, world.running.size, world.taken, world.told.length]).toEqual([1, 0, 0, 1])
      expect(world.state.isOver).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})
