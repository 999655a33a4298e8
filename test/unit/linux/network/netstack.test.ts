/** The answers of ip(8), also of namespaces whose owners mean no good. */
import { describe, expect, test } from 'vitest'
import { parseNetstack } from '../../../../src/linux/network/netstack.ts'

const parse = (...lines: unknown[][]) => parseNetstack(lines.map(line => JSON.stringify(line)).join('\n'))

describe('interfaces', () => {
  test.each<[string, object, object]>([
    ['physical', {}, { kind: '', lower: undefined, mac: undefined, operstate: 'UNKNOWN' }],
    [
      'tap',
      { linkinfo: { info_kind: 'tun', info_data: { type: 'tap' } } },
      { kind: 'tuntap', details: { mode: 'tap' } },
    ],
    ['tun', { linkinfo: { info_kind: 'tun', info_data: { type: 'tun' } } }, { details: { mode: 'tun' } }],
    [
      'vlan',
      { link: 'eth0', linkinfo: { info_kind: 'vlan', info_data: { protocol: '802.1ad', id: 7 } } },
      { lower: { index: 2 }, details: { vlan: { id: 7, protocol: 34_984 } } },
    ],
    [
      'veth whose peer has the same index, which the kernel leaves out',
      { link_netnsid: 3, linkinfo: { info_kind: 'veth' } },
      { lower: { index: 5, nsid: 3 } },
    ],
    ['tunnel made elsewhere, on nothing', { link_netnsid: 3, linkinfo: { info_kind: 'gre' } }, { lower: undefined }],
    [
      'vxlan that moved, on an interface this namespace does not have',
      { link_netnsid: 1, linkinfo: { info_kind: 'vxlan', info_data: { id: 1, link: 'if9' } } },
      { lower: { index: 9, nsid: 1 } },
    ],
    [
      'vxlan that moved, on an interface that is called like one here',
      { link_netnsid: 1, linkinfo: { info_kind: 'vxlan', info_data: { id: 1, link: 'x' } } },
      { lower: { index: 5, nsid: 1 } },
    ],
    ['a tunnel with addresses in place of a MAC', { address: '10.0.0.1' }, { mac: undefined }],
    ['on Infiniband', { address: '80:00:00:01' }, { mac: '80:00:00:01' }],
    ['without a hardware address', { address: '00:00:00:00:00:00' }, { mac: undefined }],
    ['a port of a bridge', { master: 'eth0' }, { master: 2 }],
    ['a name that is no UTF-8', { ifname: 'a\uFFFD' }, { name: 'a\uFFFD#5' }],
    ['promiscuous', { flags: ['PROMISC'], promiscuity: 1 }, { promiscuous: true }],
    ['port of a bridge, which the kernel alone makes promiscuous', { promiscuity: 1 }, { promiscuous: false }],
  ])('%s', (_, given, expected) => {
    const [eth0, nif] = parse([
      { ifindex: 5, ifname: 'x', ...given },
      { ifindex: 2, ifname: 'eth0' },
    ]).interfaces
    expect(eth0).toMatchObject({ index: 2, name: 'eth0' })
    expect(nif).toEqual({ ...nif, index: 5, name: 'x', ...expected })
  })

  test('a name with control characters, which ip does not escape', () => {
    const [link] = parseNetstack(`[{"ifindex":1,"ifname":"a\u001b\u0007b"}]`).interfaces
    expect(link?.name).toBe('a\u001b\u0007b')
  })

  test('addresses of both families with scopes by name and number', () => {
    const addr_info = [
      { family: 'inet', local: '10.0.0.1', prefixlen: 24, scope: 'link', valid_life_time: 9, preferred_life_time: 8 },
      { family: 'inet6', local: 'fd00::1', prefixlen: 64, scope: '17' },
      {},
    ]
    expect(parse([{ ifindex: 1, addr_info }]).interfaces[0]?.addresses).toEqual([
      { family: 'ipv4', address: '10.0.0.1', prefix: 24, preferred: 8, valid: 9, scope: 253 },
      { family: 'ipv6', address: 'fd00::1', prefix: 64, preferred: 4_294_967_295, valid: 4_294_967_295, scope: 17 },
    ])
  })
})

describe('routes', () => {
  test.each<[string, object, object[]]>([
    [
      'default',
      { dst: 'default', dev: 'e', gateway: '10.0.0.1' },
      [{ family: 'ipv4', destination: '0.0.0.0', prefix: 0, nextHop: '10.0.0.1', table: 254 }],
    ],
    [
      'default of IPv6, on a link',
      { dst: 'default', dev: 'e', pref: 'high' },
      [{ family: 'ipv6', destination: '::', prefix: 0, preference: '01' }],
    ],
    [
      'a host',
      { dst: 'fe80::1', type: 'local', table: 'local', pref: 'medium' },
      [{ prefix: 128, type: 'local', table: 255, preference: '00' }],
    ],
    ['leading nowhere', { dst: '10.6.0.0/16', type: 'blackhole' }, [{ device: '', nextHop: '', prefix: 16 }]],
    [
      'through the other family',
      { dst: '10.6.0.0/16', via: { family: 'inet6', host: 'fe80::1' } },
      [{ family: 'ipv4', nextHop: 'fe80::1' }],
    ],
    [
      'several next hops',
      {
        dst: 'default',
        metric: 5,
        nexthops: [
          { gateway: '10.0.0.1', dev: 'a' },
          { gateway: '10.0.0.2', dev: 'b' },
        ],
      },
      [
        { device: 'a', nextHop: '10.0.0.1', metric: 5 },
        { device: 'b', metric: 5 },
      ],
    ],
    ['of a policy', { dst: 'default', table: 100 }, []],
    ['of a policy whose table has a name', { dst: 'default', table: 'vpn' }, []],
  ])('%s', (_, given, expected) => {
    expect(parse([given]).routes).toMatchObject(expected)
    expect(parse([given]).routes).toHaveLength(expected.length)
  })
})

test.each(['', '[]', '\n\n', '[{}]', 'Cannot find device', '[{"ifindex":', 'null', '{}'])(
  '%j has nothing in it',
  text => {
    expect(parseNetstack(text)).toEqual({ interfaces: [], routes: [] })
  },
)
