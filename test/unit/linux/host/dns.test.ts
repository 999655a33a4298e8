/** What a tenant resolves names with. */
import { expect, test } from 'vitest'
import { parseHosts, parseResolver, readDns } from '../../../../src/linux/host/dns.ts'
import { scratch } from '../../../helpers/scratch.ts'

test('a process that has ended resolves nothing', () => {
  expect(readDns(1, scratch())).toEqual({
    etcHostname: '',
    domain: '',
    search: [],
    nameservers: [],
    hosts: [],
  })
})

test('resolv.conf', () => {
  const text =
    '# x\nnameserver 10.0.0.1\nnameserver fe80::1%eth0 # y\nsearch a b\nsearch  c\td\ndomain old.test\nnameserver\nnameserver none\noptions ndots:5'
  expect(parseResolver(text)).toEqual({
    domain: 'old.test',
    search: ['c', 'd'],
    nameservers: ['10.0.0.1', 'fe80::1%eth0'],
  })
})

test('hosts', () => {
  expect(parseHosts('127.0.0.1 localhost\tme # and you\n\n::1\n#10.0.0.1 x\nfe00::0 net\nno address\n')).toEqual([
    { name: 'localhost', address: '127.0.0.1' },
    { name: 'me', address: '127.0.0.1' },
    { name: 'net', address: 'fe00::' },
  ])
})
