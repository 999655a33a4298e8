import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { namedService } from '../../../src/host/service/find.ts'
import { authorization, describeService, parseServiceAddress } from '../../../src/remote/service.ts'
import { scratch } from '../../helpers/scratch.ts'

describe('the address of a service', () => {
  test.each([
    ['server', 'http://server:5001'],
    ['server:80', 'http://server'],
    ['server:8080/', 'http://server:8080'],
    ['[::1]', 'http://[::1]:5001'],
    ['[::1]:99', 'http://[::1]:99'],
    ['::1', undefined],
    ['http://server', 'http://server'],
    ['ws://server:5001/edge/shark/', 'http://server:5001/edge/shark'],
    ['WSS://Server', 'https://server'],
    ['https://server/a?b#c', 'https://server/a'],
    ['unix:/run/remora.sock', 'unix:/run/remora.sock'],
    ['unix:', undefined],
    ['ftp://server', undefined],
    ['file:///etc/passwd', undefined],
    ['a b', undefined],
    ['', undefined],
  ])('%s', (text, base) => {
    if (base === undefined) expect(() => parseServiceAddress(text)).toThrow(/is no address of a capture service/)
    else expect(parseServiceAddress(text).base).toBe(base)
  })

  test.each([
    ['http://:s3cret@server', 's3cret'],
    ['http://:s3%2Fcret@server', 's3/cret'],
    ['http://s3cret@server', 's3cret'],
    [':100%@server', '100%'],
    ['http://:s3cret@server/?token=s3cret', 's3cret'],
    ['http://server/?token=s3cret', 's3cret'],
    ['server', undefined],
  ])('the token of %s', (text, token) => {
    const address = parseServiceAddress(text)
    expect(address.token).toBe(token)
    expect(describeService(address)).toMatch(/^http:\/\/server(?::5001)?$/)
  })

  test('a name and a password are sent as such (RFC 7617), and nothing beside them', () => {
    const address = parseServiceAddress('https://me:s3%3Acret%C3%A4@server')
    expect(address).toMatchObject({ login: { user: 'me', password: 's3:cretä' } })
    expect(authorization(address)).toEqual({ authorization: `Basic ${btoa('me:s3:cret\xc3\xa4')}` })
    expect(namedService({ host: 'http://me:s3cret@server' }, { REMORA_TOKEN: 'other' })).toMatchObject({
      login: { user: 'me', password: 's3cret' },
    })
  })

  test.each([
    'http://me:s3cret@server/?token=other',
    'http://s3cret@server/?token=other',
    'http://:s3cret@server/?token=other',
    'http://server/?token=s3cret&token=other',
    'http://m%3Ae:s3cret@server',
  ])('credentials of which some would be dropped are refused: %s', text => {
    expect(() => parseServiceAddress(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })

  test('a token beside a name and a password is refused', () => {
    const options = { host: 'http://me:s3cret@server', token: 'said' }
    expect(() => namedService(options, {})).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })

  test.each([
    ['[fe80::1%eth0]:99', 'http://[fe80::1]:99', 'eth0', 'http://[fe80::1%eth0]:99'],
    ['[fe80::1%25eth0]', 'http://[fe80::1]:5001', 'eth0', 'http://[fe80::1%eth0]:5001'],
    ['wss://[fe80::1%br-0.5]/x/', 'https://[fe80::1]/x', 'br-0.5', 'https://[fe80::1%br-0.5]/x'],
    ['http://me:pw@[fe80::1%25eth0]:99', 'http://[fe80::1]:99', 'eth0', 'http://[fe80::1%eth0]:99'],
  ])('%s has a zone', (text, base, zone, shown) => {
    const service = namedService({ host: text }, {})
    expect(service).toMatchObject({ base, zone })
    expect(describeService(service)).toBe(shown)
  })

  test.each(['fe80::1%eth0', '::1', '2001:db8::1'])('%s is told to need brackets', text => {
    expect(() => parseServiceAddress(text)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining(`[${text}]`) }),
    )
  })

  test('a scheme that none is reached by is named', () => {
    expect(() => parseServiceAddress('ftp://me:pw@server')).toThrow(/^"ftp:\/\/…@server" .* by ftp:$/)
  })

  test('whatever is typed is an address or wrong usage', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        try {
          expect(parseServiceAddress(text).base).toMatch(/^(?:https?:\/\/|unix:\/).*[^/]$/s)
        } catch (error) {
          expect(error).toMatchObject({ code: 'USAGE' })
        }
      }),
    )
  })
})

describe('the token', () => {
  const file = join(scratch(), 'token')
  writeFileSync(file, ' of-the-file \n')
  const env = { REMORA_TOKEN: 'of-the-environment' }

  test.each([
    ['said', { token: 'said', tokenFile: file }, env, 'said'],
    ['of a file', { tokenFile: file }, env, 'of-the-file'],
    ['of the address', {}, env, 'of-the-address'],
    ['of the environment', { host: 'server' }, env, 'of-the-environment'],
    ['of a file of the environment', { host: 'server' }, { REMORA_TOKEN_FILE: file }, 'of-the-file'],
    ['none', { host: 'server' }, {}, undefined],
  ])('%s', (_, options, environment, token) => {
    expect(namedService({ host: 'http://:of-the-address@server', ...options }, environment).token).toBe(token)
  })

  test('that cannot be sent is refused without being shown', () => {
    for (const token of ['two words', 'line\nbreak', 'ümlaut']) {
      expect(() => authorization({ base: 'http://server', token })).toThrow(/^the token has characters/)
    }
  })
})
