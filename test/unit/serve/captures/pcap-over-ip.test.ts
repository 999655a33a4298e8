import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseReaderAddress, readerName } from '../../../../src/serve/captures/pcap-over-ip.ts'

test.each([
  ['57012', '127.0.0.1:57012=host'],
  ['127.0.0.1:57012', '127.0.0.1:57012=host'],
  ['127.0.0.2:1=web', '127.0.0.2:1=web'],
  ['[::1]:57012=docker:web', '[::1]:57012=docker:web'],
  ['localhost:57012=label:app=web', 'localhost:57012=label:app=web'],
  ['57012=file:/run/netns/a:5', '127.0.0.1:57012=file:/run/netns/a:5'],
])('%s', (text, name) => {
  expect(readerName(parseReaderAddress(text))).toBe(name)
})

test.each([
  ['0.0.0.0:57012', /knows no token/],
  ['[::]:57012', /knows no token/],
  ['192.0.2.1:57012=web', /knows no token/],
  ['example.org:57012', /knows no token/],
  ['127.999.1.1:57012', /cannot listen/],
  ['70000', /cannot listen/],
  ['web', /no address for PCAP-over-IP/],
  ['57012=', /target/],
  ['57012=pid:x', /no target reference/],
  ['', /no address/],
])('%j is refused', (text, message) => {
  expect(() => parseReaderAddress(text)).toThrow(
    expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) }),
  )
})

test('whatever is typed is an address of this host or a wrong use', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      try {
        expect(readerName(parseReaderAddress(text))).toMatch(/^(?:127\.|\[::1|localhost)/)
      } catch (error) {
        expect(error).toMatchObject({ code: 'USAGE' })
      }
    }),
  )
})
