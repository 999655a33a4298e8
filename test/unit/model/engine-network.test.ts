/** The names of networks, from what engines say to the interfaces that carry them. */
import { expect, test } from 'vitest'
import { parseDockerNetworks, parsePodmanNetworks } from '../../../src/engine/networks.ts'
import { withNetworks } from '../../../src/model/engine-network.ts'
import type { DetailedInterface } from '../../../src/model/interface.ts'

const id = 'ab'.repeat(32)
const docker = (Name: string, Driver: string, Options: Record<string, string> = {}) => ({
  Name,
  Id: id,
  Driver,
  Options,
})
const nif = (name: string, kind = ''): DetailedInterface => ({
  ...{ index: 1, name, kind, alias: '', up: true, operstate: 'UP', loopback: false, promiscuous: false },
  ...{ details: {}, addresses: [] },
})

test.each<[string, object, DetailedInterface, string | undefined]>([
  ['the bridge of a network', docker('n', 'bridge'), nif('br-abababababab', 'bridge'), 'n'],
  ['a named one', docker('n', 'bridge', { 'com.docker.network.bridge.name': 'b' }), nif('b', 'bridge'), 'n'],
  ['what is called like a bridge', docker('n', 'bridge'), nif('br-abababababab', 'veth'), undefined],
  ['the parent of a macvlan', docker('n', 'macvlan', { parent: 'hvp0' }), nif('hvp0'), 'n'],
  ['a bridge that is a parent', docker('n', 'macvlan', { parent: 'b' }), nif('b', 'bridge'), 'n'],
  ['the one Docker makes where none is named', docker('n', 'macvlan'), nif('dm-abababababab', 'dummy'), 'n'],
  ['the parent of an ipvlan', docker('n', 'ipvlan', { parent: 'eth0.7' }), nif('eth0.7', 'vlan'), 'n'],
  ['no network of interfaces', docker('n', 'overlay', { parent: 'eth0' }), nif('eth0'), undefined],
])('%s', (_, network, carrier, name) => {
  const [found] = withNetworks([carrier], parseDockerNetworks([network]))
  expect(found?.network?.name).toBe(name)
})

test('of Podman', () => {
  const networks = parsePodmanNetworks([
    { name: 'podman', driver: 'bridge', network_interface: 'podman0', internal: true },
    { name: 'lan', driver: 'macvlan', network_interface: 'eth0', labels: { a: 'b' }, internal: true },
    { name: 'nowhere', driver: 'macvlan', network_interface: '' },
  ])
  const found = withNetworks([nif('podman0', 'bridge'), nif('eth0')], networks)
  expect(found.map(({ network }) => network)).toEqual([
    { name: 'podman', carrier: 'podman0', isBridge: true, isDefault: true, internal: true, labels: {} },
    { name: 'lan', carrier: 'eth0', isBridge: false, isDefault: false, internal: true, labels: { a: 'b' } },
  ])
})
