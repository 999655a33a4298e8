import { IncomingMessage } from 'node:http'
import { isIP, Socket } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressGroup, departure, peerAddress, streamConnections } from '../../../../src/serve/auth/client.ts'

function request(
  headers: Record<string, string>,
  remoteAddress: string | undefined = '::ffff:192.0.2.9',
): IncomingMessage {
  const ends = { remoteAddress, remotePort: 40_000, localAddress: '192.0.2.1', localPort: 5001 }
  const socket = Object.create(new Socket(), Object.getOwnPropertyDescriptors(ends)) as Socket
  return Object.assign(new IncomingMessage(socket), { headers })
}

const direct = { addresses: ['192.0.2.9', '192.0.2.1'], ports: [40_000, 5001] }

test.each<[string, Record<string, string>, object | undefined]>([
  ['no proxy', {}, undefined],
  ['an address', { 'x-forwarded-for': '198.51.100.7' }, { addresses: ['198.51.100.7', '198.51.100.7'], ports: [80] }],
  [
    'the first of several, by TLS',
    { 'x-forwarded-for': '198.51.100.7, 10.0.0.1', 'x-forwarded-proto': 'https' },
    { addresses: ['198.51.100.7', '198.51.100.7'], ports: [443] },
  ],
  [
    'the port of the proxy',
    { 'x-forwarded-for': '198.51.100.7', 'x-forwarded-port': '8443' },
    { addresses: ['198.51.100.7', '198.51.100.7'], ports: [8443] },
  ],
  [
    'RFC 7239',
    { forwarded: 'for="[2001:db8::7]:4711";proto=https' },
    { addresses: ['2001:db8::7', '2001:db8::7'], ports: [4711] },
  ],
  ['a name', { 'x-forwarded-for': 'evil.example' }, undefined],
  ['a filter', { 'x-forwarded-for': '1.2.3.4) or (tcp' }, undefined],
  [
    'a port that is none',
    { 'x-forwarded-for': '198.51.100.7', 'x-forwarded-port': '1e9' },
    { addresses: ['198.51.100.7', '198.51.100.7'], ports: [80] },
  ],
  [
    'a port too high',
    { forwarded: 'for="198.51.100.7:99999"' },
    { addresses: ['198.51.100.7', '198.51.100.7'], ports: [80] },
  ],
])('a connection behind %s', (_, headers, hop) => {
  expect(streamConnections(request(headers))).toEqual(hop === undefined ? [direct] : [direct, hop])
})

test('whatever a header says, only addresses and ports come of it', () => {
  const names = fc.constantFrom('forwarded', 'x-forwarded-for', 'x-forwarded-port', 'x-forwarded-proto')
  const words = fc.constantFrom('for=', '1.2.3.4', '"', ':', '[', ']', '::1', ';', ',', ' ', '0', '99', 'tcp', ')')
  const value = fc.array(fc.oneof(words, fc.string({ unit: 'binary', maxLength: 4 }))).map(parts => parts.join(''))
  fc.assert(
    fc.property(fc.dictionary(names, value), headers => {
      for (const { addresses, ports } of streamConnections(request(headers))) {
        for (const address of addresses) expect(isIP(address)).not.toBe(0)
        for (const port of ports) expect(port > 0 && port <= 65_535 && Number.isInteger(port)).toBe(true)
      }
    }),
    { numRuns: 20_000 },
  )
})

test('a client is known by its address, or comes by a socket of this host', () => {
  expect(peerAddress(request({}))).toBe('192.0.2.9')
  expect(peerAddress(request({}, 'fe80::1%eth0'))).toBe('fe80::1')
  expect(peerAddress(new IncomingMessage(new Socket()))).toBe('unix')
})

test.each([
  ['127.0.0.1', 'loopback'],
  ['127.200.3.4', 'loopback'],
  ['::ffff:127.9.9.9', 'loopback'],
  ['::1', 'loopback'],
  [undefined, 'unix'],
  ['192.0.2.9', '192.0.2.9'],
  ['::ffff:192.0.2.9', '192.0.2.9'],
  ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
  ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
  ['2001:db8::1', '2001:db8::/64'],
  ['::2', '::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
])('%s counts as %s', (address, group) => {
  expect(addressGroup(address)).toBe(group)
})

test('all requests of a connection hear that their client has gone, by one signal', () => {
  const { socket } = new IncomingMessage(new Socket())
  const signals = [departure({ socket }), departure({ socket })]
  expect(signals[0]).toBe(signals[1])
  expect(signals[0]?.aborted).toBe(false)
  socket.emit('close', false)
  expect(signals[0]?.aborted).toBe(true)
  socket.destroy()
  expect(departure({ socket: new Socket().destroy() }).aborted).toBe(true)
})
