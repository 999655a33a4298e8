import { expect, test } from 'vitest'
import { parseInterfaces } from '../../../../src/linux/network/iproute.ts'

test('interfaces are read from iproute2, also with the empty objects of old versions', () => {
  const json = JSON.stringify([
    {
      ifindex: 5,
      ifname: 'eth0',
      flags: ['UP', 'LOWER_UP'],
      operstate: 'UP',
      addr_info: [{ family: 'inet', local: '10.0.0.2', prefixlen: 24, scope: 'global', valid_life_time: 9 }, {}],
    },
    {},
    { ifindex: 1, ifname: 'lo', flags: ['LOOPBACK'], operstate: 'DOWN' },
  ])
  expect(parseInterfaces(json)).toEqual([
    { index: 1, name: 'lo', up: false, operstate: 'DOWN', loopback: true, promiscuous: false, addresses: [] },
    {
      index: 5,
      name: 'eth0',
      up: true,
      operstate: 'UP',
      loopback: false,
      promiscuous: false,
      addresses: [{ family: 'ipv4', address: '10.0.0.2', prefix: 24, preferred: 4_294_967_295, valid: 9, scope: 0 }],
    },
  ])
  expect(parseInterfaces('')).toEqual([])
  expect(parseInterfaces('[{"ifname":"a\x1b\x07b"}]')[0]?.name).toBe('a\x1b\x07b')
})

test('the other end of an interface, wherever it is', () => {
  const json = JSON.stringify([
    {
      ifindex: 2,
      ifname: 'eth0',
      link_index: 7,
      link_netnsid: 0,
      mtu: 1500,
      link_type: 'ether',
      address: '02:00:00:00:00:01',
    },
    // Its peer has the same index there.
    { ifindex: 3, ifname: 'eth1', link_netnsid: 1, link_type: 'ether', address: '00:00:00:00:00:00' },
    { ifindex: 4, ifname: 'a0', link: 'b0' },
    { ifindex: 5, ifname: 'b0', link: 'a0' },
    { ifindex: 6, ifname: 'sit0', link: null, link_netnsid: 0, link_type: 'sit', address: '0.0.0.0' },
  ])
  const facts = parseInterfaces(json).map(({ mac, mtu, lower, linkType }) => ({ mac, mtu, lower, linkType }))
  expect(facts).toEqual([
    { mac: '02:00:00:00:00:01', mtu: 1500, lower: { index: 7, nsid: 0 }, linkType: 'ether' },
    { lower: { index: 3, nsid: 1 }, linkType: 'ether' },
    { lower: { index: 5 } },
    { lower: { index: 4 } },
    { linkType: 'sit' },
  ])
})
