/** Addresses of a namespace as the kernel lists them for a process in it. */
import { networkInterfaces } from 'node:os'
import { expect, test } from 'vitest'
import { parseFibTrie, parseIfInet6, readLocalAddresses } from '../../../../src/linux/network/local-addresses.ts'
import { scratch } from '../../../helpers/scratch.ts'

const trie = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.0.0.0/24 2 0 2
        |-- 10.0.0.0
           /24 link UNICAST
        |-- 10.0.0.7
           /32 host LOCAL
        |-- 10.0.0.9
           /32 universe UNICAST
        |-- 10.0.0.255
           /32 link BROADCAST
     |-- 10.9.0.0
        /16 host LOCAL
Local:
        |-- 10.0.0.7
           /32 host LOCAL
garbage
           /32 host LOCAL
`

test('of IPv4 those that are the namespace’s own, not routes to others', () => {
  expect(parseFibTrie(trie)).toEqual(['10.0.0.7'])
  expect(parseFibTrie('   /32 host LOCAL\n|-- 1.2.3.4')).toEqual([])
})

test('of IPv6 as they are written elsewhere', () => {
  const text =
    'fd000000000000000000000000000002 04 40 00 82     eth0\n00000000000000000000000000000001 01 80 10 80 lo\nx\n'
  expect(parseIfInet6(text)).toEqual(['fd00::2', '::1'])
})

test('of this process', () => {
  const own = Object.values(networkInterfaces()).flatMap(found => (found ?? []).map(({ address }) => address))
  const seen = readLocalAddresses(process.pid)
  expect(own.filter(address => !seen.has(address))).toEqual([])
  expect(readLocalAddresses(7, scratch())).toEqual(new Set())
})
