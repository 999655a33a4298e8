import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RemoraError } from '../../../src/base/errors.ts'
import { redact } from '../../../src/base/redact.ts'

test.each([
  ['http://me:s3cret@server:1/x failed', 'http://…@server:1/x failed'],
  ['"ws://s3cret@[::1]:1/"', '"ws://…@[::1]:1/"'],
  ['http://a:b@s3cret@server', 'http://…@server'],
  ['GET /capture?container={}&token=s3cret&nif=x', 'GET /capture?container={}&token=…&nif=x'],
  ['there is nothing at GET /v1/capture/gRc9MXU1E1axVCoXzYp9FOV0DQE3FCVl', 'there is nothing at GET /v1/capture/…'],
  ['/v1/capture/gRc9MXU1E1axVCoXzYp9.pcapng', '/v1/capture/….pcapng'],
  ['authorization: Bearer abcdefghijklmnop.~+/==', 'authorization: Bearer …'],
  ['nothing matches env:TOKEN=s3cret, docker:web', 'nothing matches env:TOKEN=…, docker:web'],
  ['Basic bWU6czNjcmV0bWU6czNjcmV0', 'Basic …'],
])('%s becomes %s', (text, shown) => {
  expect(redact(text)).toBe(shown)
})

test.each([
  'pid:1@2 was replaced',
  'image registry.example/web@sha256:0123456789abcdef0123',
  'Captures are at /capture and /v1/capture/<ticket>.',
  'http://USER:PASSWORD@HOST:PORT',
  'Basic authentication',
  'expected env:KEY=VALUE',
  'http://server:5001/a@b',
])('%s stays', text => {
  expect(redact(text)).toBe(text)
})

test('no failure tells a ticket, a token or a password, whatever it was made from', () => {
  const word = fc.stringMatching(/^[A-Za-z0-9_-]{16,32}$/)
  fc.assert(
    fc.property(word, fc.string(), (secret, noise) => {
      fc.pre(!noise.includes(secret))
      for (const form of [
        `http://any:${secret}@host/`,
        `/v1/capture/${secret}`,
        `/capture?token=${secret}`,
        `Bearer ${secret}`,
      ]) {
        const { message, hint } = new RemoraError('PEER_FAILED', `${noise} ${form}`, { hint: `${form} ${noise}` })
        expect(message).not.toContain(secret)
        expect(hint).not.toContain(secret)
      }
    }),
  )
})
