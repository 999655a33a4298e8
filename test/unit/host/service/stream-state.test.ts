import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  firstState,
  type StreamCommand,
  type StreamEvent,
  type StreamPhase,
  type StreamState,
  step,
} from '../../../../src/host/service/stream-state.ts'
import { captureEnds } from '../../../../src/protocol/v1/values.ts'

const events = {
  connected: { event: 'connected' },
  armed: { event: 'armed' },
  overdue: { event: 'overdue' },
  closed: { event: 'closed' },
  stop: { event: 'asked', why: 'stopped' },
  gone: { event: 'asked', why: 'reader-gone' },
  kill: { event: 'killed' },
} as const satisfies Record<string, StreamEvent>

/** Takes events one after the other. */
function takeAll(...taken: readonly StreamEvent[]): { state: StreamState; commands: StreamCommand[][] } {
  let state = firstState
  const commands = taken.map(event => {
    const taken = step(state, event)
    state = taken.state
    return [...taken.commands]
  })
  return { state, commands }
}

type Row = readonly [name: keyof typeof events, phase: StreamPhase, ...commands: StreamCommand[]]

describe('a capture of a service', () => {
  const conversations: readonly (readonly [string, readonly Row[], StreamState['why']])[] = [
    [
      'that ends by itself',
      [
        ['connected', 'waiting', 'tell-pending'],
        ['armed', 'capturing', 'tell-armed', 'count-down'],
        ['armed', 'capturing'],
        ['closed', 'ended'],
      ],
      undefined,
    ],
    [
      'that is stopped',
      [
        ['connected', 'waiting', 'tell-pending'],
        ['armed', 'capturing', 'tell-armed', 'count-down'],
        ['stop', 'ending', 'ask-service', 'set-deadline'],
        ['gone', 'ending'],
        ['closed', 'ended'],
      ],
      'stopped',
    ],
    [
      'that is stopped while it waits, and armed too late',
      [
        ['connected', 'waiting', 'tell-pending'],
        ['stop', 'ending', 'ask-service', 'set-deadline'],
        ['armed', 'ending'],
        ['closed', 'ended'],
      ],
      'stopped',
    ],
    [
      'that nobody wants before it is connected',
      [
        ['stop', 'leaving'],
        ['connected', 'ending', 'ask-service', 'set-deadline'],
        ['closed', 'ended'],
      ],
      'stopped',
    ],
    [
      'whose service does not end',
      [
        ['connected', 'waiting', 'tell-pending'],
        ['gone', 'ending', 'ask-service', 'set-deadline'],
        ['overdue', 'broken', 'break-off'],
        ['gone', 'broken'],
        ['closed', 'ended'],
      ],
      'reader-gone',
    ],
    [
      'that is killed after it was stopped',
      [
        ['connected', 'waiting', 'tell-pending'],
        ['armed', 'capturing', 'tell-armed', 'count-down'],
        ['stop', 'ending', 'ask-service', 'set-deadline'],
        ['kill', 'broken', 'break-off'],
        ['overdue', 'broken'],
        ['closed', 'ended'],
      ],
      'killed',
    ],
    [
      'that is killed while it is dialled',
      [
        ['kill', 'broken', 'break-off'],
        ['connected', 'broken', 'break-off'],
        ['closed', 'ended'],
      ],
      'killed',
    ],
    [
      'of which everything comes too late',
      [
        ['closed', 'ended'],
        ['connected', 'ended'],
        ['armed', 'ended'],
        ['stop', 'ended'],
        ['kill', 'ended'],
        ['overdue', 'ended'],
        ['closed', 'ended'],
      ],
      undefined,
    ],
  ]

  test.each(conversations)('%s', (_, rows, why) => {
    for (const [at, [, phase, ...commands]] of rows.entries()) {
      const seen = takeAll(...rows.slice(0, at + 1).map(([name]) => events[name]))
      expect([seen.state.phase, ...(seen.commands.at(-1) ?? [])]).toEqual([phase, ...commands])
    }
    expect(takeAll(...rows.map(([name]) => events[name])).state.why).toBe(why)
  })
})

describe('whatever happens', () => {
  const asked = fc.constantFrom(...captureEnds).map((why): StreamEvent => ({ event: 'asked', why }))
  const others = fc.constantFrom<StreamEvent>(
    events.connected,
    events.armed,
    events.overdue,
    events.closed,
    events.kill,
  )
  const conversation = fc.array(fc.oneof(asked, others), { maxLength: 12 })
  const check = (property: (taken: readonly StreamEvent[], seen: ReturnType<typeof takeAll>) => void) =>
    fc.assert(fc.property(conversation, taken => property(taken, takeAll(...taken))))

  /** Events up to the end of the connection. */
  const upToEnd = (taken: readonly StreamEvent[]) => {
    const end = taken.findIndex(({ event }) => event === 'closed')
    return end < 0 ? taken : taken.slice(0, end)
  }

  test('the first wish is the reason, unless it is killed', () => {
    check((taken, { state }) => {
      const wishes = upToEnd(taken).flatMap(told => (told.event === 'asked' ? [told.why] : []))
      const isKilled = upToEnd(taken).some(({ event }) => event === 'killed')
      expect(state.why).toBe(isKilled ? 'killed' : wishes[0])
    })
  })

  test('each thing is told, and asked for, once at most', () => {
    check((_, { commands }) => {
      const once: StreamCommand[] = ['tell-pending', 'tell-armed', 'count-down', 'ask-service', 'set-deadline']
      for (const command of once) expect(commands.flat().filter(one => one === command).length).toBeLessThan(2)
    })
  })

  test('what nobody wants is asked to end, or broken off, once it is connected', () => {
    check((taken, { state, commands }) => {
      const isConnected = upToEnd(taken).some(({ event }) => event === 'connected')
      if (state.why === undefined || !isConnected) return
      expect(commands.flat()).toContainEqual(expect.stringMatching(/^(?:ask-service|break-off)$/))
    })
  })

  test('the end of the connection is the end, and nothing comes after it', () => {
    check((taken, { state, commands }) => {
      const end = taken.findIndex(({ event }) => event === 'closed')
      expect(state.phase === 'ended').toBe(end >= 0)
      if (end >= 0) expect(commands.slice(end).flat()).toEqual([])
    })
  })

  test('nothing is armed or waited for when it was told to end before', () => {
    check((taken, { commands }) => {
      const wish = taken.findIndex(({ event }) => event === 'asked' || event === 'killed')
      if (wish < 0) return
      expect(commands.slice(wish).flat()).not.toContainEqual(expect.stringMatching(/^(?:tell-|count-)/))
    })
  })
})
