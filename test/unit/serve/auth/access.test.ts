import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RemoraError } from '../../../../src/base/errors.ts'
import { type AccessRules, checkPlace, checkToken } from '../../../../src/serve/auth/access.ts'
import type { ListenAddress } from '../../../../src/serve/listen/address.ts'

const open: AccessRules = {
  tlsKeys: false,
  token: () => undefined,
  certificates: false,
  hosts: ['remora.example'],
  origins: [],
}
const guarded: AccessRules = { ...open, token: () => 'the-token-of-this-test' }
const tcp: ListenAddress = { kind: 'tcp', host: '127.0.0.1', port: 5001 }
const unix: ListenAddress = { kind: 'unix', path: '/run/x' }

function request(headers: Record<string, string>, url = '/v1/targets'): IncomingMessage {
  const rawHeaders = Object.entries(headers).flat()
  return Object.assign(new IncomingMessage(new Socket()), { headers, rawHeaders, url, method: 'GET' })
}

/** Code of the refusal; undefined for none. */
function refusal(action: () => void): string | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    if (error instanceof RemoraError) return error.code
    throw error
  }
}

describe('the place', () => {
  test.each<[Record<string, string>, ListenAddress, AccessRules, string | undefined]>([
    [{ host: 'localhost:5001' }, tcp, open, undefined],
    [{ host: 'remora.example' }, tcp, open, undefined],
    [{ host: '[fe80::1]:80' }, tcp, open, undefined],
    [{ host: '[fe80::1%25eth0]:80' }, tcp, open, undefined],
    [{ host: '127.999.1.1' }, tcp, open, 'FORBIDDEN'],
    [{ host: '127.0.0.1.' }, tcp, open, 'FORBIDDEN'],
    [{ host: 'evil.example' }, tcp, open, 'FORBIDDEN'],
    [{}, tcp, open, 'FORBIDDEN'],
    [{ host: 'evil.example' }, tcp, guarded, undefined],
    [{ host: 'evil.example' }, unix, open, undefined],
    [{ host: 'localhost', origin: 'http://localhost' }, tcp, open, undefined],
    [{ host: 'localhost:1', origin: 'http://localhost:2' }, tcp, open, 'FORBIDDEN'],
    [{ host: 'localhost', origin: 'null' }, tcp, open, 'FORBIDDEN'],
    [{ host: '', origin: 'file://' }, unix, open, undefined],
    [{ host: 'localhost', origin: 'https://a.example' }, tcp, { ...open, origins: ['https://a.example'] }, undefined],
    [
      { host: 'localhost', origin: 'https://a.example.org' },
      tcp,
      { ...open, origins: ['https://a.example'] },
      'FORBIDDEN',
    ],
  ])('%j by %j', (headers, address, rules, code) => {
    expect(refusal(() => checkPlace(request(headers), address, rules))).toBe(code)
  })

  const crossSite = { host: 'localhost', 'sec-fetch-site': 'cross-site' }
  const link = { ...crossSite, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  test.each<[Record<string, string>, string, string | undefined]>([
    [crossSite, '/json', 'FORBIDDEN'],
    [crossSite, '/', 'FORBIDDEN'],
    [{ ...crossSite, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }, '/mobyshark', 'FORBIDDEN'],
    [{ ...crossSite, 'sec-fetch-site': 'none, cross-site' }, '/json', 'FORBIDDEN'],
    [link, '/json', 'FORBIDDEN'],
    [{ ...link, 'sec-fetch-dest': 'iframe' }, '/', 'FORBIDDEN'],
    [link, '/', undefined],
    [{ ...crossSite, 'sec-fetch-site': 'same-origin' }, '/json', undefined],
    [{ ...crossSite, 'sec-fetch-site': 'none' }, '/json', undefined],
  ])(
    'a browser that tells of another site is let in nowhere but to the page itself: %j at %s',
    (headers, url, code) => {
      for (const rules of [open, guarded])
        expect(refusal(() => checkPlace(request(headers, url), tcp, rules))).toBe(code)
    },
  )

  test('a page of an allowed site may call, whatever the browser tells', () => {
    const rules = { ...open, origins: ['https://a.example'] }
    expect(
      refusal(() => checkPlace(request({ ...crossSite, origin: 'https://a.example' }), tcp, rules)),
    ).toBeUndefined()
  })

  test('two Host headers are no request, whichever comes first', () => {
    for (const address of [tcp, unix]) {
      const twice = request({ host: 'localhost' })
      twice.rawHeaders.push('HOST', 'evil.example')
      expect(refusal(() => checkPlace(twice, address, guarded))).toBe('USAGE')
    }
  })

  test('no page of another site comes in, whatever it is called', () => {
    fc.assert(
      fc.property(fc.webAuthority(), fc.string({ unit: 'binary' }), (site, noise) => {
        fc.pre(site !== '127.0.0.1:5001')
        for (const origin of [`https://${site}`, noise]) {
          fc.pre(origin !== 'http://127.0.0.1:5001')
          const headers = { host: '127.0.0.1:5001', origin }
          expect(refusal(() => checkPlace(request(headers), tcp, open))).toBe('FORBIDDEN')
        }
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('the token', () => {
  test.each<[Record<string, string>, string | undefined, string | undefined]>([
    [{ authorization: 'Bearer the-token-of-this-test' }, undefined, undefined],
    [{ authorization: 'bearer  the-token-of-this-test ' }, undefined, undefined],
    [{}, 'the-token-of-this-test', undefined],
    [{ authorization: 'Bearer wrong' }, 'the-token-of-this-test', 'UNAUTHORIZED'],
    [{ authorization: `Basic ${btoa('any:the-token-of-this-test')}` }, undefined, undefined],
    [{ authorization: `Basic ${btoa(':the-token-of-this-test')}` }, undefined, undefined],
    [{ authorization: `Basic ${btoa('the-token-of-this-test:')}` }, undefined, 'UNAUTHORIZED'],
    [{ authorization: `Basic ${btoa('any:wrong')}` }, undefined, 'UNAUTHORIZED'],
    [{ authorization: 'Basic the-token-of-this-test' }, undefined, 'UNAUTHORIZED'],
    [{ authorization: 'Bearer' }, undefined, 'UNAUTHORIZED'],
    [{}, '', 'UNAUTHORIZED'],
    [{}, undefined, 'UNAUTHORIZED'],
  ])('%j and %j of the query', (headers, query, code) => {
    expect(refusal(() => checkToken(request(headers), tcp, guarded, query))).toBe(code)
    expect(refusal(() => checkToken(request(headers), unix, guarded, query))).toBeUndefined()
    expect(refusal(() => checkToken(request(headers), tcp, open, query))).toBeUndefined()
  })

  test('is needed where certificates count, and none is shown', () => {
    const rules = { ...open, certificates: true }
    expect(refusal(() => checkToken(request({}), tcp, rules))).toBe('UNAUTHORIZED')
  })

  test('is not guessed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), guess => {
        const headers = { authorization: `Bearer ${guess}` }
        expect(refusal(() => checkToken(request(headers), tcp, guarded, guess))).toBe('UNAUTHORIZED')
      }),
      { numRuns: 10_000 },
    )
  })
})
