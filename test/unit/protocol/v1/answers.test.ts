/** A service sends what its clients read and what its description says. */
import { describe, expect, test } from 'vitest'
import { type ErrorCode, errorKinds, RemoraError } from '../../../../src/base/errors.ts'
import { targetKey } from '../../../../src/model/key.ts'
import type { Target } from '../../../../src/model/target.ts'
import { parseJson, readJson } from '../../../../src/protocol/json.ts'
import { target as schema, type TargetJson, targetList } from '../../../../src/protocol/v1/target.ts'
import { targetJson, targetOf } from '../../../../src/protocol/v1/target-json.ts'
import { ticket } from '../../../../src/protocol/v1/ticket.ts'
import { errorBody } from '../../../../src/serve/auth/error-answer.ts'
import { checkAnswer, checkEvent, checkNote } from '../../../helpers/api.ts'

const place = { prefix: '', netns: 7, pid: 8, startTime: 9, interfaces: ['lo', 'eth0'], addresses: ['10.0.0.1'] }
const facts = { image: 'nginx', state: 'paused', labels: { app: 'web' }, socket: '/run/x.sock' } as const
const container: Target = {
  ...{ ...place, reference: 'docker:web', name: 'web', type: 'docker', shares: ['docker:other'] },
  container: { ...facts, engine: 'docker', id: 'c1', startedAt: '2026-11-21T11:00:00Z', restarts: 2 },
}
const members = [true, false].map(sandbox => ({
  ...({ ...facts, engine: 'cri', id: `c${sandbox}`, reference: 'cri:c', name: 'c', pid: 8, sandbox } as const),
  annotations: { note: 'n'.repeat(200_000) },
}))
const pod: Target = { ...place, reference: 'pod:default/web', name: 'default/web', type: 'pod', members }
const host: Target = { ...place, reference: 'host', name: 'host', type: 'host' }
const targets = [container, pod, host]

function answer(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })
}

test.each(targets)('the target $name comes through as it was', target => {
  const json = JSON.stringify({ ...targetJson(target), key: targetKey(target) })
  expect(targetOf(parseJson(schema, json))).toEqual({ ...target, key: targetKey(target) })
})

test('targets are listed and told as described', async () => {
  const list = { targets: targets.map(targetJson), warnings: [] }
  await checkAnswer('GET', 'http://h/v1/targets', answer(list))
  checkEvent(JSON.stringify({ seq: 1, time: '', event: 'appear', target: list.targets[0] }))
  await expect(checkAnswer('GET', 'http://h/v1/targets', answer({ ...list, more: 1 }))).rejects.toThrow('$.more')
})

test.each(Object.keys(errorKinds) as ErrorCode[])('the failure %s is answered as described', async code => {
  const error = errorBody(new RemoraError(code, 'it failed', { hint: 'Try again.' }))
  await checkAnswer('POST', 'http://h/v1/captures', answer(error, errorKinds[code].http))
})

test('a note is sent as described, and with nothing else', () => {
  checkNote('{"note":"silence","line":"nothing passes"}')
  expect(() => checkNote('{"note":"armed","reference":"host","more":1}')).toThrow('$.more')
})

describe('a service of another age', () => {
  test('may tell less of a target', () => {
    const { container: _, ...known } = host
    expect(targetOf(parseJson(schema, '{"reference":"x:y"}'))).toMatchObject({ reference: 'x:y', addresses: [] })
    expect(targetKey(known)).toBe('host 7 8 9')
  })

  test('may know an engine and a state that are not known here', () => {
    const told = { reference: 'novel:web', engine: 'novel', state: 'frozen', id: 'x' }
    expect(parseJson(schema, JSON.stringify(told))).toMatchObject({ engine: 'docker', state: 'running' })
  })

  test('may tell more in a ticket, and less', () => {
    const told = { path: '/v1/capture/x', reference: 'host', novelty: [1] }
    expect(parseJson(ticket, JSON.stringify(told))).toEqual(told)
  })
})

test.each([
  ['a key', { key: 7 }],
  ['a label', { labels: { app: 7 } }],
  ['a label without end', { labels: { app: 'x'.repeat(2e6) } }],
  ['names without end', { addresses: Array(200_000).fill('') }],
  ['a number of a process', { pid: -1 }],
])('a list with %s that is none is not read', (_, wrong) => {
  const one: TargetJson = targetJson(host)
  expect(readJson(targetList, JSON.stringify({ targets: [one], warnings: [] }))).toBeDefined()
  expect(readJson(targetList, JSON.stringify({ targets: [one, { ...one, ...wrong }], warnings: [] }))).toBeUndefined()
})
