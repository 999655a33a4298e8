/** A merged capture without any incarnation that runs: what each event brings about, and what holds whatever comes. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  describeSession,
  newSession,
  type SessionCommand,
  type SessionEvent,
  stepSession,
} from '../../../../src/capture/merged/session-state.ts'
import type { CaptureEnd } from '../../../../src/protocol/v1/values.ts'

const broken = new Error('broken')
const full = new Error('no place')

const begun = (count: number): SessionEvent => ({ on: 'begun', count })
const started = (id: number, isArmed = true): SessionEvent => ({ on: 'started', id, isArmed })
const ended = (id: number, failure?: unknown, isInterfaceGone = false): SessionEvent => ({
  ...{ on: 'ended', id, failure, isInterfaceGone },
})
const come = (refusal?: unknown): SessionEvent => ({ on: 'come', refusal })
const noneComes = (failure?: unknown): SessionEvent => ({ on: 'none-comes', failure })
const asked = (end: CaptureEnd, how: 'drain' | 'interrupt' | 'kill', failure?: unknown): SessionEvent => ({
  ...{ on: 'asked', end, how, failure },
})
const stopped = asked('stopped', 'drain')

const worded = (command: SessionCommand) => ('id' in command ? `${command.do} ${command.id}` : command.do)

function converse(isComing: boolean, events: readonly SessionEvent[]) {
  let state = newSession(isComing)
  let commands: readonly SessionCommand[] = []
  for (const event of events) ({ state, commands } = stepSession(state, event))
  return { state, line: describeSession(state), words: commands.map(worded).join(', ') }
}

test.each<[string, boolean, SessionEvent[], string, string]>([
  ['begins each that is there', false, [begun(2)], 'starting [0, 1]', 'begin 0, begin 1'],
  ['is armed when all are', false, [begun(2), started(0)], 'starting [0, 1]', ''],
  ['counts from then', false, [begun(1), started(0)], 'running [0]', 'write-names, start-clock, tell-armed'],
  [
    'is armed without one that is not',
    false,
    [begun(2), started(1), started(0, false)],
    'running [0, 1]',
    'write-names, start-clock, tell-armed',
  ],
  ['is not armed without any', true, [begun(1), started(0, false)], 'starting [0], more may come', 'write-names'],
  [
    'is armed late',
    true,
    [begun(1), started(0, false), { on: 'armed-late' }],
    'running [0], more may come',
    'start-clock, tell-armed',
  ],
  ['begins one that has come', true, [begun(1), started(0), come()], 'running [0, 1], more may come', 'begin-next 1'],
  [
    'tells of each that is armed',
    true,
    [begun(1), started(0), come(), started(1)],
    'running [0, 1], more may come',
    'tell-armed',
  ],
  ['turns away what has no place', true, [begun(1), come(full)], 'starting [0], more may come', 'turn-away'],
  ['waits for the next', true, [begun(1), started(0), ended(0)], 'running [], more may come', ''],
  [
    'lets one whose interface has gone come again',
    true,
    [begun(1), ended(0, undefined, true)],
    'starting [], more may come',
    'forget 0',
  ],
  ['is over with the last one', false, [begun(2), ended(0), ended(1)], 'flushing []', 'flush'],
  ['is over when none comes any more', true, [begun(1), ended(0), noneComes()], 'flushing []', 'flush'],
  ['goes on when no more can be found', true, [begun(1), started(0), noneComes(broken)], 'running [0], failed', ''],
  [
    'drains',
    true,
    [begun(1), started(0), stopped],
    'ending [0], more may come, stopped',
    'stop-awaiting, drain 0, limit-end',
  ],
  ['is over after that', true, [begun(1), stopped, ended(0)], 'flushing [], more may come, stopped', 'flush'],
  ['lets go of what comes then', true, [begun(1), stopped, come()], 'ending [0], more may come, stopped', 'close-next'],
  ['is not armed then', false, [begun(1), stopped, started(0)], 'ending [0], stopped', 'write-names'],
  ['begins nothing when it was asked before', false, [stopped, begun(2)], 'flushing [], stopped', ''],
  [
    'is killed while it drains',
    false,
    [begun(1), stopped, asked('killed', 'kill')],
    'ending [0], stopped',
    'stop-awaiting, kill 0, close-merge',
  ],
  [
    'ends when nobody reads',
    false,
    [begun(1), asked('reader-gone', 'interrupt')],
    'ending [0], reader-gone',
    'stop-awaiting, interrupt 0',
  ],
  [
    'ends the others when one fails',
    false,
    [begun(2), ended(0, broken)],
    'ending [1], stopped, failed',
    'stop-awaiting, drain 1',
  ],
])('%s', (_, isComing, events, line, words) => {
  const after = converse(isComing, events)
  expect([after.line, after.words]).toEqual([line, words])
})

/** What the events of a conversation are made of: the choice says which of those that are possible then. */
function possible(running: ReadonlyMap<number, boolean>, isBegun: boolean, isComing: boolean): SessionEvent[] {
  const of = (id: number, isStarted: boolean) => [
    ...(isStarted ? [] : [started(id, true), started(id, false)]),
    ...(isStarted ? [ended(id), ended(id, undefined, true), ended(id, broken), { on: 'armed-late' } as const] : []),
  ]
  return [
    ...(isBegun ? [] : [begun(1), begun(3)]),
    ...[...running].flatMap(([id, isStarted]) => of(id, isStarted)),
    ...(isComing && isBegun ? [come(), come(), come(full), noneComes(), noneComes(broken)] : []),
    ...[stopped, asked('killed', 'kill'), asked('reader-gone', 'interrupt', full), asked('stop-condition', 'drain')],
  ]
}

test.each([[true], [false]])('holds whatever comes, where others may come: %s', mayCome => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000), { maxLength: 60 }), choices => {
      let state = newSession(mayCome)
      const running = new Map<number, boolean>()
      let [isBegun, isComing, flushed, clocks] = [false, mayCome, 0, 0]
      const carryOut = (command: SessionCommand) => {
        if (command.do === 'begin' || command.do === 'begin-next') {
          expect([state.end, running.has(command.id)]).toEqual([undefined, false])
          running.set(command.id, false)
        } else if ('id' in command && command.do !== 'forget') expect(running.has(command.id)).toBe(true)
        else if (command.do === 'start-clock') clocks++
        else if (command.do === 'flush') {
          flushed++
          expect(running.size).toBe(0)
        }
      }
      const feed = (event: SessionEvent) => {
        const before = state
        if (event.on === 'begun') isBegun = true
        if (event.on === 'none-comes') isComing = false
        if (event.on === 'started') running.set(event.id, true)
        if (event.on === 'ended') running.delete(event.id)
        const step = stepSession(state, event)
        state = step.state
        step.commands.forEach(carryOut)
        if (before.end !== undefined) expect(state.end).toBe(before.end)
        if (before.failure !== undefined) expect(state.failure).toBe(before.failure)
        expect([...state.running]).toEqual([...running.keys()])
      }
      for (const choice of choices) {
        const events = possible(running, isBegun, isComing)
        feed(events[choice % events.length] as SessionEvent)
      }
      expect(flushed).toBeLessThanOrEqual(1)
      feed(stopped)
      if (!isBegun) feed(begun(2))
      for (const id of running.keys()) feed(ended(id))
      if (isComing) feed(noneComes())
      expect(flushed).toBe(1)
      expect(clocks).toBeLessThanOrEqual(1)
    }),
    { numRuns: 2_000 },
  )
})
