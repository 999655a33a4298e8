/** The documents from snapshots that no host here would give: pods, other engines, SR-IOV, whatever is unknown. */
import { describe, expect, test } from 'vitest'
import { ghostwireDocument } from '../../../src/ghostwire/document.ts'
import { mobysharkDocument } from '../../../src/ghostwire/mobyshark.ts'
import { type Tenant, tenantJson } from '../../../src/ghostwire/tenants.ts'
import type { HostFacts, HostSnapshot, Netstack } from '../../../src/model/host.ts'
import type { DetailedInterface } from '../../../src/model/interface.ts'
import type { ProcessFacts } from '../../../src/model/process.ts'
import type { Target } from '../../../src/model/target.ts'
import { ghostwireSchema, mobysharkSchema } from '../../helpers/ghostwire-schema.ts'
import { plainInterface } from '../../helpers/plain-interface.ts'

const host: HostFacts = {
  version: '1',
  created: new Date(1_500),
  hostname: 'h',
  osName: '',
  osVersion: '',
  kernel: '',
  cpus: [],
  engines: [
    { engine: 'cri', id: '', version: '1', pid: 9, socket: '/s' },
    { engine: 'docker', id: 'i', version: '2', pid: 4, socket: '/proc/4/root/d' },
    { engine: 'podman', id: '', version: '3', pid: 0, socket: '/p' },
  ],
}
const facts = { engine: 'cri', id: 'c1', image: '', state: 'running', labels: {}, socket: '/s' } as const
const target = (more: Partial<Target>): Target => ({
  reference: '',
  name: 'n',
  type: 'docker',
  prefix: '',
  netns: 10,
  pid: 5,
  startTime: 6,
  interfaces: [],
  addresses: [],
  ...more,
})
const pod = target({
  name: 'default/web',
  type: 'pod',
  prefix: 'kind',
  members: [
    { ...facts, reference: '', name: 'app', pid: 8, sandbox: false },
    { ...facts, id: 'c2', state: 'paused', reference: '', name: 'c2', pid: 7, sandbox: true },
    { ...facts, id: 'c3', reference: '', name: 'unknown', pid: 0, sandbox: false },
  ],
})
const targets = [
  target({ type: 'host', name: 'host', pid: 1 }),
  pod,
  target({ type: 'cri', pid: 0, netns: 0, container: facts }),
  target({ type: 'lxc' }),
  target({ type: 'bindmount', pid: 0, name: '/run/netns/x', netns: 11 }),
  target({ type: 'bindmount', pid: 0, name: '/proc/7/ns/mnt:/run/netns/y', netns: 12 }),
]

test('mobyshark: types, and the host as a process', () => {
  const document = mobysharkDocument(targets, host, pid => `c${pid}`)
  expect(mobysharkSchema(document, 'document')).toEqual([])
  expect(document.metadata['creation-timestamp']).toBe('1970-01-01T00:00:01Z')
  expect(document.metadata['container-engines'].map(({ type }) => type)).toEqual([
    'podman.io',
    'docker.com',
    'k8s.io/cri-api',
  ])
  expect(document.containers.map(({ name, type, prefix }) => [name, type, prefix])).toEqual([
    ['c1(1)', 'proc', ''],
    ['default/web', 'pod', 'kind'],
    ['n', 'CRI', ''],
    ['n', 'lxc', ''],
    ['/proc/1/ns/mnt:/run/netns/x', 'bindmount', ''],
    ['/proc/7/ns/mnt:/run/netns/y', 'bindmount', ''],
  ])
})

const nif = (index: number, more: Partial<DetailedInterface> = {}): DetailedInterface => ({
  index,
  name: `e${index}`,
  kind: '',
  ...plainInterface,
  ...more,
})
const namespace = (netns: number, more: Partial<Netstack> = {}): Netstack => ({
  netns,
  targets: [],
  interfaces: [],
  routes: [],
  sockets: [],
  forwards: [],
  ...more,
})
const process = (pid: number, more: Partial<ProcessFacts> = {}): ProcessFacts => ({
  pid,
  command: 'x',
  args: [],
  netns: 0,
  pidns: 3,
  container: '',
  capabilities: '0000000000000000',
  affinity: [],
  policy: 1,
  priority: 2,
  nice: -3,
  dns: { utsHostname: '', etcHostname: '', domain: '', nameservers: [], search: [], hosts: [] },
  taps: [],
  ...more,
})
const snapshot = (namespaces: Netstack[], processes: ProcessFacts[] = []): HostSnapshot => ({
  host,
  ids: new Map(),
  services: new Map(),
  pidNamespaces: [
    { inode: 4, parent: 3 },
    { inode: 3, parent: undefined },
    { inode: 9, parent: 77 },
  ],
  namespaces,
  processes: new Map(processes.map(facts => [facts.pid, facts])),
})

function documentOf(...given: Parameters<typeof snapshot>) {
  const document = ghostwireDocument(snapshot(...given))
  expect(ghostwireSchema(document, 'document')).toEqual([])
  return document['network-namespaces']
}

describe('ghostwire', () => {
  test('a pod is a group; the order does not depend on what was given', () => {
    const namespaces = [
      namespace(11, { targets: [targets[4] as Target] }),
      namespace(10, { targets: [pod, targets[0] as Target], interfaces: [nif(2), nif(1)] }),
    ]
    const document = ghostwireDocument(snapshot(namespaces, [process(7), process(8, { pidns: 4 })]))
    expect(ghostwireSchema(document, 'document')).toEqual([])
    expect(document['network-namespaces']).toMatchObject([
      {
        id: 'netns-10',
        'container-groups': [
          { id: 'group-1', name: 'kind/default/web', 'container-idrefs': ['cont-c3', 'cont-7', 'cont-8'] },
        ],
        containers: [
          { pid: 0 },
          { pid: 1 },
          {
            name: 'c2',
            type: 'CRI',
            'type-text': 'Cri',
            status: 'paused',
            group: 'group-1',
            capbnd: '0x0',
            policy: 1,
            priority: 2,
            nice: -3,
          },
          { name: 'app', pidns: 4 },
        ],
        'network-interfaces': [{ id: 'nif-10-1' }, { id: 'nif-10-2' }],
      },
      {
        containers: [
          {
            id: 'bmnt-11',
            type: 'bindmount',
            'type-text': 'Bind-mounted',
            pid: 0,
            status: '',
            dns: { 'etc-hosts': [] },
          },
        ],
      },
    ])
    expect(document['pid-namespaces']).toEqual([
      {
        id: 'pidns-3',
        pidnsid: 3,
        'container-idrefs': ['cont-7'],
        children: [{ id: 'pidns-4', pidnsid: 4, children: [], 'container-idrefs': ['cont-8'] }],
      },
      { id: 'pidns-9', pidnsid: 9, children: [], 'container-idrefs': [] },
    ])
    const turned = snapshot(
      namespaces
        .toReversed()
        .map(one => ({ ...one, interfaces: one.interfaces.toReversed(), targets: one.targets.toReversed() })),
      [process(8, { pidns: 4 }), process(7)],
    )
    expect(JSON.stringify(ghostwireDocument(turned))).toBe(JSON.stringify(document))
  })

  test.each([
    ['/s', 'unix:///proc/9/root/s'],
    ['/proc/4/root/d', 'unix:///proc/4/root/d'],
    ['/p', 'unix:///p'],
    ['/unknown', 'unix:///unknown'],
    ['', ''],
  ])('the socket of an engine at %j is reached by %j', (socket, url) => {
    const [one] = documentOf([namespace(10, { targets: [target({ container: { ...facts, socket } })] })])
    expect(one?.containers[0]?.['api-path']).toBe(url)
  })

  test('virtual functions know their physical one', () => {
    const driver = { name: 'd', version: '', firmware: '', bus: 'b1', role: 1, parentBus: '' } as const
    const [one] = documentOf([
      namespace(10, {
        interfaces: [
          nif(1, { driver }),
          nif(2, { driver: { ...driver, bus: 'b2', role: 2, parentBus: 'b1' } }),
          nif(3, { driver: { ...driver, role: 0, bus: '' } }),
        ],
      }),
    ])
    expect(one?.['network-interfaces']).toMatchObject([
      { physical: true, 'sr-iov-role': 1, driverinfo: { driver: 'd', businfo: 'b1' } },
      { 'sr-iov-role': 2, pf: { idref: 'nif-10-1', index: 1, name: 'e1' } },
      {},
    ])
    expect(one?.['network-interfaces'][2]).not.toHaveProperty('pf')
  })

  test('the network of an engine gives its carrier an alias and labels', () => {
    const network = {
      name: 'n',
      carrier: '',
      isBridge: true,
      isDefault: true,
      internal: true,
      labels: { z: '1', a: '2' },
    }
    const parent = { ...network, isBridge: false, isDefault: false }
    const [one] = documentOf([
      namespace(10, {
        interfaces: [
          nif(1, { kind: 'bridge', alias: 'x', network }),
          nif(2, { network: parent }),
          nif(3, { alias: 'x' }),
        ],
      }),
    ])
    const shown = one?.['network-interfaces'].map(({ alias, labels }) => [alias, JSON.stringify(labels)])
    expect(shown).toEqual([
      [
        'n',
        '{"a":"2","gostwire/bridge/internal":"true","gostwire/network/default-bridge":"true","gostwire/network/name":"n","z":"1"}',
      ],
      ['n', '{"a":"2","gostwire/network/name":"n","z":"1"}'],
      ['x', undefined],
    ])
  })

  test('VLANs hang below their parent', () => {
    const vlan = nif(2, { kind: 'vlan', lower: { index: 1 }, details: { vlan: { id: 5, protocol: 33_024 } } })
    const [one] = documentOf([namespace(10, { interfaces: [nif(1), vlan] })])
    expect(one?.['network-interfaces']).toMatchObject([
      { slaves: [{ name: 'e2' }] },
      { master: { name: 'e1' }, vlan: { vid: 5 } },
    ])
  })

  test('a TAP interface that several namespaces have is served by whoever lives there', () => {
    const tap = () => [nif(1, { name: 'tap0', kind: 'tuntap', details: { mode: 'tap' } })]
    const serving = [process(5, { netns: 11, taps: ['tap0'] }), process(6, { netns: 99, taps: ['tap0', 'none'] })]
    const all = documentOf([namespace(10, { interfaces: tap() }), namespace(11, { interfaces: tap() })], serving)
    expect(all.map(one => one['network-interfaces'][0]?.tuntap?.processors.map(({ pid }) => pid))).toEqual([[], [5]])
  })

  const socket = {
    family: 'ipv6',
    protocol: 'tcp',
    localAddress: '::',
    localPort: 80,
    remoteAddress: '::',
    remotePort: 0,
    state: 10,
    owners: [5, 6],
  } as const
  const v4 = { ...socket, family: 'ipv4', localAddress: '0.0.0.0', remoteAddress: '0.0.0.0', owners: [] } as const
  test.each<[string, Netstack['sockets'], string[]]>([
    ['one for all addresses serves IPv4 too', [socket], ['0.0.0.0']],
    ['... unless IPv4 has its own', [socket, v4], ['0.0.0.0']],
    [
      'one for a mapped address',
      [{ ...socket, localAddress: '::ffff:10.0.0.1', remoteAddress: '::ffff:10.0.0.2', remotePort: 5, state: 1 }],
      ['10.0.0.1'],
    ],
    ['one for all addresses of IPv6 alone', [{ ...socket, ipv6Only: true }], []],
    ['one of IPv6 alone', [{ ...socket, localAddress: 'fd00::1' }], []],
  ])('sockets: %s', (_, sockets, expected) => {
    const [one] = documentOf([namespace(10, { sockets })], [process(5, { args: ['a', 'b'] })])
    expect(one?.['transport-ports'].ipv4.map(port => port['local-address'])).toEqual(expected)
    expect(one?.['transport-ports'].ipv6[0]?.owners).toEqual([{ pid: 5, cmdline: 'a b' }])
  })

  test.each([
    ['tcp', 10, 'listening', 'listening'],
    ['tcp', 1, 'connected', 'connected'],
    ['tcp', 5, 'FIN WAIT2', 'connected'],
    ['tcp', 2, 'SYN sent', 'unconnected'],
    ['tcp', 6, 'time wait', 'unconnected'],
    ['udp', 7, 'closed', 'listening'],
    ['udp', 1, 'connected', 'connected'],
  ] as const)('%s in state %i is %s, in short %s', (protocol, number, state, macrostate) => {
    const [one] = documentOf([namespace(10, { sockets: [{ ...v4, protocol, state: number }] })])
    expect(one?.['transport-ports'].ipv4).toMatchObject([{ state, macrostate }])
  })

  const forward = { family: 'ipv4', protocol: 'tcp', address: '', port: 80, toAddress: '10.0.0.2', toPort: 81 } as const
  const having = (address: string, more: Partial<DetailedInterface> = {}): DetailedInterface =>
    nif(1, { addresses: [{ family: 'ipv4', address, prefix: 8, preferred: 1, valid: 1, scope: 0 }], ...more })
  /** A veth end with an address, whose peer has an index in the namespace that has a number in this one. */
  const end = (index: number, address: string, peer: number, nsid: number): DetailedInterface => ({
    ...having(address, { kind: 'veth', lower: { index: peer, nsid } }),
    index,
  })
  const ids = new Map([
    [
      10,
      new Map([
        [1, 11],
        [2, 12],
      ]),
    ],
    [11, new Map([[3, 13]])],
  ])
  const hub = [end(21, '10.0.0.1', 1, 1), end(22, '10.0.1.1', 1, 2)]
  test.each<[string, Netstack[], number, string[]]>([
    ['nobody', [], 0, []],
    ['a neighbour', [namespace(11, { interfaces: [end(1, '10.0.0.2', 21, 0), nif(2)] })], 11, ['nif-11-1']],
    ['a stranger who has the address too', [namespace(14, { interfaces: [having('10.0.0.2')] })], 0, []],
    [
      'two neighbours',
      [
        namespace(11, { interfaces: [end(1, '10.0.0.2', 21, 0)] }),
        namespace(12, { interfaces: [end(1, '10.0.0.2', 22, 0)] }),
      ],
      0,
      [],
    ],
    [
      'the neighbour of a neighbour, and a stranger',
      [
        namespace(11, { interfaces: [end(1, '10.0.0.9', 21, 0), end(5, '10.0.5.1', 6, 3)] }),
        namespace(13, { interfaces: [end(6, '10.0.0.2', 5, 0)] }),
        namespace(14, { interfaces: [having('10.0.0.2')] }),
      ],
      13,
      ['nif-13-6'],
    ],
  ])('forwarded ports: %s', (_, others, netns, refs) => {
    const here = namespace(10, { forwards: [forward, forward], interfaces: hub })
    const document = ghostwireDocument({ ...snapshot([here, ...others]), ids })
    expect(ghostwireSchema(document, 'document')).toEqual([])
    expect(document['network-namespaces'][0]?.['forwarded-ports'].ipv4).toMatchObject([
      { ip: '0.0.0.0', port: 80, netnsid: netns, 'network-interface-refs': refs },
    ])
  })

  test('a port that is forwarded for every address of IPv6 says so', () => {
    const v6 = { ...forward, family: 'ipv6', toAddress: 'fd00::2' } as const
    const [one] = documentOf([namespace(10, { forwards: [v6] })])
    expect(one?.['forwarded-ports'].ipv6).toMatchObject([{ ip: '::', 'forward-ip': 'fd00::2' }])
  })

  test('a PID namespace lists its containers, and no process that is none', () => {
    const document = ghostwireDocument(
      snapshot(
        [namespace(10, { targets: [target({ type: 'host', pid: 1 }), target({ pid: 5, container: facts })] })],
        [process(1), process(5)],
      ),
    )
    expect(document['pid-namespaces'][0]).toMatchObject({ id: 'pidns-3', 'container-idrefs': ['cont-5'] })
  })
})

test('annotations stand among the labels of a container, by the prefix that clients know', () => {
  const container = { ...facts, labels: { b: '1' }, annotations: { a: '2' } }
  const tenant = { id: 'x', name: 'web', prefix: '', type: 'cri', pid: 0, container } as unknown as Tenant
  expect(tenantJson(tenant, '', undefined, []).labels).toEqual({ b: '1', 'io.kubernetes.annotation/a': '2' })
})
