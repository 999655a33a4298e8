/** The tables of /proc/PID/net, and addresses as text. */
import { describe, expect, test } from 'vitest'
import { addressText } from '../../../../src/base/ip.ts'
import { parseIpv6Only, parseSocketCounts, parseSockets } from '../../../../src/linux/network/sockets-table.ts'

const tcp = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
const udp = `${tcp} ref pointer drops`

test('sockets of IPv6 alone, as ss tells of them', () => {
  const text = [
    'udp UNCONN 0      0      [::]:17003 [::]:* ino:527629 sk:261 cgroup:/ v6only:1 <->',
    'tcp LISTEN 0      128       *:17001    *:* ino:527628 sk:262 cgroup:/ v6only:0 <->',
    'tcp LISTEN 0      128    [::]:17002 [::]:* uid:7 ino:527627 sk:263 fwmark:0x5 v6only:1',
    'tcp LISTEN 0      128       *:17004    *:* ino:1 sk:4 cgroup:/a v6only:1 <-> v6only:0 <->',
    '',
  ].join('\n')
  expect(parseIpv6Only(text)).toEqual(new Set([527629, 527627]))
})

test('tables one behind another', () => {
  const text = [
    tcp,
    '   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0',
    tcp,
    '   0: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000200007F:C350 01 0:0 0:0 0 0 0 4712 1',
    udp,
    '  11: B80D0120000000000000000001000000:14E9 00000000000000000000000000000000:0000 07 0:0 0:0 0 0 0 4713 2 0 0',
    'nonsense',
    '  1: 01:0 zz',
  ].join('\n')
  expect(parseSockets(text, 'LE')).toEqual([
    {
      family: 'ipv4',
      protocol: 'tcp',
      localAddress: '127.0.0.1',
      localPort: 80,
      remoteAddress: '0.0.0.0',
      remotePort: 0,
      state: 10,
      inode: 4711,
    },
    {
      family: 'ipv6',
      protocol: 'tcp',
      localAddress: '::ffff:127.0.0.1',
      localPort: 80,
      remoteAddress: '::ffff:127.0.0.2',
      remotePort: 50_000,
      state: 1,
      inode: 4712,
    },
    {
      family: 'ipv6',
      protocol: 'udp',
      localAddress: '2001:db8::1',
      localPort: 5353,
      remoteAddress: '::',
      remotePort: 0,
      state: 7,
      inode: 4713,
    },
  ])
})

test('hosts of the other byte order', () => {
  const line = '   0: 7F000001:0050 00000000:0000 0A 0:0 0:0 0 0 0 1 1'
  expect(parseSockets(`${tcp}\n${line}`, 'BE')).toMatchObject([{ localAddress: '127.0.0.1', localPort: 80 }])
})

describe('addresses', () => {
  test.each([
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['fe800000000000000000000000000000', 'fe80::'],
    ['20010db8000000010000000000000001', '2001:db8:0:1::1'],
    ['20010db8000100010001000100010001', '2001:db8:1:1:1:1:1:1'],
    ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['00000000000000000000ffff0a000001', '::ffff:10.0.0.1'],
    ['0a000001', '10.0.0.1'],
  ])('%s is %s', (hex, text) => expect(addressText(Buffer.from(hex, 'hex'))).toBe(text))
})

describe('how many sockets there are', () => {
  const sockstat = `sockets: used 9
TCP: inuse 3 orphan 0 tw 2 alloc 5 mem 1
UDP: inuse 1 mem 0
UDPLITE: inuse 0
RAW: inuse 0
FRAG: inuse 0 memory 0
`
  test.each([
    [sockstat, 'TCP6: inuse 4\nUDP6: inuse 5\nUDPLITE6: inuse 7\n', { TCP: 3, TCP6: 4, UDP: 1, UDP6: 5, tw: 2 }],
    [sockstat, '', { TCP: 3, TCP6: 0, UDP: 1, UDP6: 0, tw: 2 }],
    ['', '', undefined],
    ['sockets: used 9\n', '', undefined],
  ])('%j %j', (older, newer, expected) => {
    expect(parseSocketCounts(older, newer)).toEqual(expected)
  })
})
