import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressBytes, canonicalAddress } from '../../../../src/linux/network/address.ts'

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
