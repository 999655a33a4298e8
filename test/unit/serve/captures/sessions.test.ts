import { expect, test } from 'vitest'
import { requestOf } from '../../../../src/capture/request/request.ts'
import { makeSessions } from '../../../../src/serve/captures/sessions.ts'

const request = (target: string) => requestOf([target])

test('there is room for so many, and for so many of one client', () => {
  const sessions = makeSessions({ captures: 3, capturesPerPeer: 2 })
  const limit = (message: string) => expect.objectContaining({ code: 'LIMIT', message })
  const first = sessions.open(request('web'), 'a')
  sessions.open(request('web'), 'a')
  expect(() => sessions.open(request('web'), 'a')).toThrow(limit('a has 2 captures already'))
  sessions.open(request('web'), 'b')
  expect(() => sessions.open(request('web'), 'c')).toThrow(limit('3 captures run already'))
  sessions.close(first)
  expect(sessions.open(request('web'), 'c').peer).toBe('c')
  expect(sessions.list()).toHaveLength(3)
  const narrow = makeSessions({ captures: 3, capturesPerPeer: 1 })
  narrow.open(request('web'), 'a')
  expect(() => narrow.open(request('web'), 'a')).toThrow(limit('a has 1 capture already'))
})

test.each([
  ['docker:web', /^web-[b-z2-9]{6}$/],
  ['pod:default/web', /^default-web-[b-z2-9]{6}$/],
  ['named:../..<script>', /^script-[b-z2-9]{6}$/],
  ['label:app=web', /^app-web-[b-z2-9]{6}$/],
  ['env:STAGE=s3cret', /^STAGE-[b-z2-9]{6}$/],
  ['🦈', /^capture-[b-z2-9]{6}$/],
  ['x'.repeat(500), /^x{24}-[b-z2-9]{6}$/],
])('the name of a capture of %s can be read, and be in a path', (target, id) => {
  const session = makeSessions({ captures: 1, capturesPerPeer: 1 }).open(request(target), 'a')
  expect(session.id).toMatch(id)
})

test('a capture does not tell the variable it is for', () => {
  const { state } = makeSessions({ captures: 1, capturesPerPeer: 1 }).open(request('env:STAGE=s3cret'), 'a')
  expect(state.reference).toBe('env:STAGE=…')
})

test('a session is asked to end, for the first reason given, and then made to', () => {
  const session = makeSessions({ captures: 1, capturesPerPeer: 1 }).open(request('web'), 'a')
  session.stop('ciao')
  session.stop('the service ends')
  expect(session.stopReason()).toBe('ciao')
  expect([session.lifetime.stop.aborted, session.lifetime.kill.aborted]).toEqual([true, false])
  session.kill()
  expect(session.lifetime.kill.aborted).toBe(true)
})
