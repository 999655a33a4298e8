import { expect, test } from 'vitest'
import { wantedEvents } from '../../../src/cli/watch.ts'
import type { TargetEvent } from '../../../src/discover/watch/watch-state.ts'
import type { Target } from '../../../src/model/target.ts'

test('what comes to be wanted appears, and what is wanted no longer has gone', () => {
  const told = wantedEvents(({ container }) => container?.state === 'paused')
  const event = (kind: TargetEvent['event'], state: 'running' | 'paused', id = 'a') =>
    told({ event: kind, target: { reference: id, container: { engine: 'docker', id, state } } as Target })?.event
  expect(event('appear', 'running')).toBeUndefined()
  expect(event('change', 'paused')).toBe('appear')
  expect(event('change', 'paused')).toBe('change')
  expect(event('change', 'running')).toBe('gone')
  expect(event('gone', 'running')).toBeUndefined()
  expect(event('appear', 'paused', 'b')).toBe('appear')
  expect(event('gone', 'paused', 'b')).toBe('gone')
})
