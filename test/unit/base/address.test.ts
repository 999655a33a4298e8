import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressOf, parseZonedUrl, zonedHost } from '../../../src/base/address.ts'

test.each<[string, string | undefined, string?]>([
  ['192.0.2.1', '192.0.2.1'],
  ['::1', '::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ['fe80::1%eth0', 'fe80::1', 'eth0'],
  ['[fe80::1%eth0.5]', 'fe80::1', 'eth0.5'],
  ['[fe80::1%25eth0]', 'fe80::1', 'eth0'],
  ['fe80::1%25', 'fe80::1', '25'],
  ['fe80::1%br-1_a', 'fe80::1', 'br-1_a'],
  ['127.999.1.1', undefined],
  ['127.1', undefined],
  ['[127.0.0.1]', undefined],
  ['127.0.0.1%lo', undefined],
  ['fe80::1%', undefined],
  ['fe80::1%a/b', undefined],
  ['fe80::1%a b', undefined],
  ['server', undefined],
  ['cafe', undefined],
  ['', undefined],
])('%j is the address %j in the zone %j', (text, address, zone) => {
  expect(addressOf(text)).toEqual(
    address === undefined ? undefined : { address, zone, family: address.includes(':') ? 'ipv6' : 'ipv4' },
  )
})

describe('a URL', () => {
  test.each([
    ['http://[fe80::1%25eth0]:5001/x', '[fe80::1%25eth0]:5001', 'eth0'],
    ['http://[fe80::1%eth0]:5001/x', '[fe80::1%25eth0]:5001', 'eth0'],
    ['ws://a:b@[FE80::1%25eth0]/', '[fe80::1%25eth0]', 'eth0'],
    ['http://[::1]:5001/', '[::1]:5001', undefined],
    ['http://server/%5Ba%25b%5D', 'server', undefined],
  ])('%s', (text, host, zone) => {
    const zoned = parseZonedUrl(text)
    expect(zoned?.zone).toBe(zone)
    expect(zoned && zonedHost(zoned)).toBe(host)
  })

  test.each(['http://[fe80::1%]/', 'http://[nonsense%25eth0]/', 'http://[127.0.0.1%25lo]/', 'no URL'])(
    '%s is none',
    text => {
      expect(parseZonedUrl(text)).toBeUndefined()
    },
  )

  test('any other is read as ever', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), text => {
        expect(parseZonedUrl(text)).toEqual({ url: new URL(text), zone: undefined })
      }),
    )
  })
})
