import { expect, test } from 'vitest'
import { parsePacketflixUrl } from '../../../../src/protocol/packetflix/url.ts'

const container = encodeURIComponent('{"name":"50%+ web","type":"docker","network-interfaces":["eth0"]}')

test.each<[string, string, string]>([
  ['as Ghostwire writes it', `packetflix:ws://host:5001/capture?container=${container}&nif=eth0`, 'http://host:5001'],
  ['by TLS', `packetflix:wss://host/capture?container=${container}`, 'https://host'],
  ['without a scheme inside', `packetflix:host:5001/capture?container=${container}`, 'https://host:5001'],
  ['with two slashes', `packetflix://host:5001/capture?container=${container}`, 'https://host:5001'],
  ['with http inside', `packetflix:http://host:5001/capture?container=${container}`, 'http://host:5001'],
  ['in capitals', `PACKETFLIX:WS://host:5001/capture?container=${container}`, 'http://host:5001'],
  ['without the scheme outside', `ws://host:5001/capture?container=${container}`, 'http://host:5001'],
  ['without /capture', `packetflix:ws://host:5001?container=${container}`, 'http://host:5001'],
  ['below a prefix', `packetflix:ws://host/some/path/capture?container=${container}`, 'http://host/some/path'],
  ['with a slash at the end', `packetflix:ws://host/capture/?container=${container}`, 'http://host'],
  [
    'of an IPv6 address',
    `packetflix:ws://[2001:db8::1]:5001/capture?container=${container}`,
    'http://[2001:db8::1]:5001',
  ],
  [
    'of a link-local address',
    `packetflix:ws://[fe80::1%25eth0]:5001/capture?container=${container}`,
    'http://[fe80::1%25eth0]:5001',
  ],
  ['among blanks', `  packetflix:ws://host:5001/capture?container=${container}\n`, 'http://host:5001'],
])('a URL %s', (_, url, base) => {
  expect(parsePacketflixUrl(url)).toMatchObject({
    kind: 'capture',
    base,
    token: undefined,
    parameters: { subjects: [{ kind: 'container', target: { name: '50%+ web' } }] },
  })
})

test('carries everything else in its query', () => {
  const { parameters, token } = parsePacketflixUrl(
    'packetflix:ws://host/capture?netns=7&nif=eth0/lo&filter=tcp%20port%2080&chaste&token=secret',
  ) as Extract<ReturnType<typeof parsePacketflixUrl>, { kind: 'capture' }>
  expect(token).toBe('secret')
  expect(parameters).toEqual({
    subjects: [{ kind: 'netns', netns: 7 }],
    interfaces: ['eth0', 'lo'],
    filter: 'tcp port 80',
    promiscuous: false,
    includeSelf: false,
  })
})

test('carries a name and a password, or a token, and not both', () => {
  const login = { user: 'me', password: 's3cret' }
  expect(parsePacketflixUrl('packetflix:ws://me:s3cret@host/capture?netns=7')).toMatchObject({ login })
  expect(parsePacketflixUrl('packetflix:ws://s3cret@host/capture?netns=7')).toMatchObject({ token: 's3cret' })
  expect(() => parsePacketflixUrl('packetflix:ws://me:s3cret@host/capture?netns=7&token=x')).toThrow(
    /several credentials/,
  )
})

test('is a ticket of our own service', () => {
  expect(parsePacketflixUrl('packetflix:wss://:secret@host/x/v1/capture/abc-_1')).toEqual({
    kind: 'ticket',
    base: 'https://host/x',
    token: 'secret',
    path: '/v1/capture/abc-_1',
  })
})

test.each([
  '',
  'packetflix:',
  'packetflix:ws://',
  'packetflix://',
  'packetflix:ws://host/capture',
  'packetflix:ws://%/',
])('%j is none', text => {
  expect(() => parsePacketflixUrl(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

test.each(['packetflix:unix:/run/x.sock?netns=7', 'packetflix:file:///etc/x?netns=7', 'packetflix:--fifo=/x?netns=7'])(
  '%j leads to no file or socket of this machine, only to a host',
  text => {
    expect(parsePacketflixUrl(text).base).toMatch(/^https:\/\/[^/]/)
  },
)
