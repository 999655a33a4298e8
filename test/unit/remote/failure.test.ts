import { describe, expect, test } from 'vitest'
import { RemoraError } from '../../../src/base/errors.ts'
import { closedFailure, connectionFailure, statusFailure, toldFailure } from '../../../src/remote/failure.ts'

const service = { base: 'https://server:1/x' }

describe('a connection that failed', () => {
  const failed = (code: string, message = code) => Object.assign(new Error(message), { code })

  test.each<[string, unknown, string, RegExp, RegExp]>([
    ['refused', failed('ECONNREFUSED'), 'PEER_FAILED', /server:1\/x: ECONNREFUSED/, /running/],
    ['no such name', failed('ENOTFOUND'), 'PEER_FAILED', /ENOTFOUND/, /name of the host/],
    ['a socket that is not ours', failed('EACCES'), 'FORBIDDEN', /EACCES/, /group/],
    ['an unknown authority', failed('SELF_SIGNED_CERT_IN_CHAIN'), 'PEER_FAILED', /SELF/, /--ca FILE.*--insecure/],
    ['another name', failed('ERR_TLS_CERT_ALTNAME_INVALID'), 'PEER_FAILED', /ALTNAME/, /a name the certificate is for/],
    ['no TLS', failed('EPROTO', '40:error:0A00010B:SSL'), 'PEER_FAILED', /does not speak TLS as it should$/, /ws:/],
    ['anything', 'a text', 'PEER_FAILED', /a text/, /remora list --host/],
    [
      'both address families',
      new AggregateError([failed('ECONNREFUSED', 'no ::1'), failed('ECONNREFUSED', 'no 127.0.0.1')]),
      'PEER_FAILED',
      /no ::1; no 127\.0\.0\.1/,
      /running/,
    ],
  ])('%s', (_, thrown, code, message, hint) => {
    expect(connectionFailure(service, thrown)).toMatchObject({
      code,
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    })
  })

  test('what is known already stays as it is', () => {
    const error = new RemoraError('LIMIT', 'enough')
    expect(connectionFailure(service, error)).toBe(error)
  })
})

describe('an answer', () => {
  test('that tells of a failure is believed, within limits', () => {
    const body = JSON.stringify({ error: { code: 'LIMIT', message: 'm'.repeat(5_000), hint: 'later' } })
    expect(toldFailure(body)).toMatchObject({ code: 'LIMIT', message: 'm'.repeat(1_000), hint: 'later' })
  })

  test.each([
    '',
    '{',
    'null',
    '[]',
    '{"error":null}',
    '{"error":{"code":"toString"}}',
    '{"error":{"code":7}}',
    '<html>',
  ])('%s tells of none', body => {
    expect(toldFailure(body)).toBeUndefined()
  })

  test.each([
    [401, 'UNAUTHORIZED'],
    [403, 'FORBIDDEN'],
    [404, 'PEER_FAILED'],
    [502, 'PEER_FAILED'],
  ])('with status %i', (status, code) => {
    expect(statusFailure(service, status, '<html>')).toMatchObject({ code, hint: expect.stringMatching(/./) })
  })
})

test('a name and a password that are refused are told from a token that is missing', () => {
  const withLogin = { ...service, login: { user: 'me', password: 's3cret' } }
  const failure = statusFailure(withLogin, 401, '<html>')
  expect(failure).toMatchObject({ code: 'UNAUTHORIZED', message: expect.stringMatching(/name and the password/) })
  expect(failure.message + failure.hint).not.toContain('s3cret')
})

describe('a close frame', () => {
  test.each([
    [1008, 'TARGET_NOT_FOUND: no web here', 'TARGET_NOT_FOUND', 'no web here'],
    [
      1011,
      'constructor: of trouble',
      'CAPTURE_FAILED',
      'https://server:1/x ended the capture: constructor: of trouble',
    ],
    [
      1006,
      'The interface went down.',
      'CAPTURE_FAILED',
      'https://server:1/x ended the capture: The interface went down.',
    ],
    [1001, '', 'CAPTURE_FAILED', 'https://server:1/x ended the capture: code 1001'],
  ])('%i %s', (status, reason, code, message) => {
    expect(closedFailure(service, status, reason)).toMatchObject({ code, message })
  })
})
