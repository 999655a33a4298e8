/** The names of networks, from what engines say to the interfaces that carry them. */
import { expect, test } from 'vitest'
import { parseDockerNetworks, parsePodmanNetworks } from '../../../src/engine/networks.ts'
import { labelBridges } from '../../../src/ghostwire/network-labels.ts'
import type { Link } from '../../../src/ghostwire/snapshot.ts'

const id = 'ab'.repeat(32)
const docker = (Name: string, Driver: string, Options: Record<string, string> = {}) => ({
  Name,
  Id: id,
  Driver,
  Options,
})
const link = (name: string, kind = ''): Link => ({
  ...{ index: 1, name, kind, alias: '', operstate: 'UP', loopback: false, promiscuous: false, mac: '', master: '' },
  ...{ lower: undefined, details: {}, addresses: [] },
})

test.each<[string, object, Link, string]>([
  ['the bridge of a network', docker('n', 'bridge'), link('br-abababababab', 'bridge'), 'n'],
  ['a named one', docker('n', 'bridge', { 'com.docker.network.bridge.name': 'b' }), link('b', 'bridge'), 'n'],
  ['what is called like a bridge', docker('n', 'bridge'), link('br-abababababab', 'veth'), ''],
  ['the parent of a macvlan', docker('n', 'macvlan', { parent: 'hvp0' }), link('hvp0'), 'n'],
  ['a bridge that is a parent', docker('n', 'macvlan', { parent: 'b' }), link('b', 'bridge'), 'n'],
  ['the one Docker makes where none is named', docker('n', 'macvlan'), link('dm-abababababab', 'dummy'), 'n'],
  ['the parent of an ipvlan', docker('n', 'ipvlan', { parent: 'eth0.7' }), link('eth0.7', 'vlan'), 'n'],
  ['no network of interfaces', docker('n', 'overlay', { parent: 'eth0' }), link('eth0'), ''],
])('%s', (_, network, carrier, alias) => {
  const [labelled] = labelBridges([carrier], parseDockerNetworks([network]))
  expect([labelled?.alias, labelled?.labels?.['gostwire/network/name'] ?? '']).toEqual([alias, alias])
})

test('of Podman', () => {
  const networks = parsePodmanNetworks([
    { name: 'podman', driver: 'bridge', network_interface: 'podman0', internal: true },
    { name: 'lan', driver: 'macvlan', network_interface: 'eth0', labels: { a: 'b' }, internal: true },
    { name: 'nowhere', driver: 'macvlan', network_interface: '' },
  ])
  expect(labelBridges([link('podman0', 'bridge'), link('eth0')], networks).map(({ labels }) => labels)).toEqual([
    {
      'gostwire/network/name': 'podman',
      'gostwire/network/default-bridge': 'true',
      'gostwire/bridge/internal': 'true',
    },
    { 'gostwire/network/name': 'lan', a: 'b' },
  ])
})
