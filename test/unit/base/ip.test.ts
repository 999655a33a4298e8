import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addressBytes,
  addressText,
  canonicalAddress,
  familyOf,
  isLinkLocal,
  isLoopbackAddress,
  isWithin,
  netmaskLength,
  parsePrefix,
  prefixOf,
  unmapped,
  wordsToBytes,
} from '../../../src/base/ip.ts'

/** What node takes, and how it writes it; it has dots in what begins with zeros (::1.2.3.4), which RFC 5952 leaves open. */
function byNode(text: string): string | undefined {
  if (isIPv4(text)) return text
  if (!isIPv6(text)) return undefined
  const { address } = new SocketAddress({ address: text.replace(/%.*$/, ''), family: 'ipv6' })
  return /^::\d/.test(address) && address.includes('.') ? canonicalAddress(address) : address
}

const piece = fc.constantFrom(
  ':',
  '::',
  '.',
  '0',
  '1',
  '255',
  '256',
  'ffff',
  'FD00',
  '12345',
  '%',
  'eth0',
  '1.2.3.4',
  'g',
)

test('takes what node takes, whatever is put together', () => {
  const text = fc.array(piece, { maxLength: 18 }).map(pieces => pieces.join(''))
  fc.assert(
    fc.property(fc.oneof(text, fc.ipV4(), fc.ipV6()), address => {
      expect(canonicalAddress(address)).toBe(byNode(address))
      expect(addressBytes(address) !== undefined).toBe(byNode(address) !== undefined && !address.includes('%'))
    }),
    { numRuns: 20_000 },
  )
})

test.each([
  ['10.0.0.1', [10, 0, 0, 1]],
  ['::ffff:1.2.3.4', [...Array(10).fill(0), 255, 255, 1, 2, 3, 4]],
  ['fd00::1:2', [0xfd, ...Array(12).fill(0), 1, 0, 2]],
  ['fe80::1%eth0', undefined],
  ['010.0.0.1', undefined],
])('bytes of %s', (text, bytes) => {
  expect(addressBytes(text)).toEqual(bytes && Uint8Array.from(bytes))
})

test('what was read is written as it was', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), text => {
      const canonical = canonicalAddress(text) ?? ''
      expect(canonicalAddress(canonical)).toBe(canonical)
      expect(addressText(addressBytes(text) as Uint8Array)).toBe(canonical)
    }),
  )
})

test('lies in a prefix where node says so', () => {
  const near = fc.tuple(fc.nat(255), fc.nat(3)).map(([a, b]) => `10.${a}.0.${b}`)
  const address = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    near,
    near.map(text => `::ffff:${text}`),
    near.map(text => `fd00::${text}`),
  )
  fc.assert(
    fc.property(address, address, fc.nat(128), (text, network, bits) => {
      const length = familyOf(network) === 'ipv4' ? bits % 33 : bits
      const list = new BlockList()
      list.addSubnet(network, length, familyOf(network))
      const prefix = parsePrefix(`${network}/${length}`)
      expect(prefix && isWithin(text, prefix)).toBe(list.check(text, familyOf(text)))
    }),
    { numRuns: 5_000 },
  )
})

test.each([
  '10.0.0.0',
  '10.0.0.0/33',
  '::/129',
  '10.0.0.0/8/8',
  '/8',
  '10.0.0.0/',
  '10.0.0.0/+8',
  'x/8',
  '10/8',
  'fe80::%1/10',
])('%j is no prefix', text => {
  expect(parsePrefix(text)).toBeUndefined()
})

test.each([
  ['192.0.2.77', 24, '192.0.2.0/24'],
  ['192.0.2.77', 27, '192.0.2.64/27'],
  ['192.0.2.77', 0, '0.0.0.0/0'],
  ['2001:db8:1:2:3::4', 64, '2001:db8:1:2::/64'],
  ['2001:db8:1:2:3::4', 33, '2001:db8::/33'],
  ['::ffff:192.0.2.77', 120, '::ffff:192.0.2.0/120'],
  ['name', 8, undefined],
])('the prefix of %s with %i bits is %s', (text, length, prefix) => {
  expect(prefixOf(text, length)).toBe(prefix)
})

test.each([
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['::FFFF:102:304', '1.2.3.4'],
  ['0:0:0:0:0:ffff:1.2.3.4', '1.2.3.4'],
  ['::1.2.3.4', undefined],
  ['::ffff:0:1.2.3.4', undefined],
  ['::ffff:1.2.3.400', undefined],
  ['1.2.3.4', undefined],
])('%s stands for %s', (text, address) => {
  expect(unmapped(text)).toBe(address)
})

test.each([
  ['127.0.0.1', true, false],
  ['::ffff:127.0.0.1', true, false],
  ['::1', true, false],
  ['128.0.0.1', false, false],
  ['169.254.1.1', false, true],
  ['febf::1', false, true],
  ['fec0::1', false, false],
  ['localhost', false, false],
])('%s: loopback %s, of one link %s', (text, isLoopback, isOfLink) => {
  expect([isLoopbackAddress(text), isLinkLocal(text)]).toEqual([isLoopback, isOfLink])
})

test.each([
  [[255, 255, 240, 0], 20],
  [[0, 0, 0, 0], 0],
  [[255, 0, 255, 0], undefined],
])('the netmask %j', (mask, length) => {
  expect(netmaskLength(Uint8Array.from(mask))).toBe(length)
})

test('numbers of the kernel in either byte order', () => {
  expect([...wordsToBytes('0100007F', 'LE')]).toEqual([127, 0, 0, 1])
  expect([...wordsToBytes('7F000001', 'BE')]).toEqual([127, 0, 0, 1])
  expect(addressText(wordsToBytes('B80D0120000000000000000001000000', 'LE'))).toBe('2001:db8::1')
})

test('addresses in one form', () => {
  expect(
    ['10.0.0.1', 'FD00:0:0::1', 'fe80::1%eth0', '::ffff:1.2.3.4', '64:ff9b::1.2.3.4', '010.0.0.1', 'x', ''].map(
      canonicalAddress,
    ),
  ).toEqual(['10.0.0.1', 'fd00::1', 'fe80::1', '::ffff:1.2.3.4', '64:ff9b::102:304', undefined, undefined, undefined])
})

test.each(['0', '1.', ':', '0:', '%0'])('a text of any length is looked at in no time: %s', part => {
  const before = process.threadCpuUsage()
  expect(canonicalAddress(part.repeat(131_072))).toBeUndefined()
  expect(addressBytes(part.repeat(131_072))).toBeUndefined()
  const { user, system } = process.threadCpuUsage(before)
  expect((user + system) / 1_000).toBeLessThan(500)
})
