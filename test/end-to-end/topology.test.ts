/** The topology document of namespaces that hold everything, compared with what the host's own tools say. */
import { randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { end, must, type Running, run, start, until } from '../helpers/command.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { executable } from '../helpers/remora.ts'
import { document, type Namespace, namespaceIn, nif, type Topology, topology } from '../helpers/topology-document.ts'
import { inodeOf, inside, makeTopologyLab, type TopologyLab } from '../helpers/topology-lab.ts'

let lab: TopologyLab
let pairs: NetnsPair[]

beforeAll(async () => {
  lab = await makeTopologyLab()
  pairs = [await makeNetnsPair(), await makeNetnsPair()]
})
afterAll(async () => {
  for (const pair of pairs ?? []) await pair.close()
  await lab?.close()
})

test('a namespace without processes is a target too', async () => {
  const all = await document<{ containers: Record<string, unknown>[] }>(['mobyshark'])
  const name = `/proc/1/ns/mnt:/run/netns/${lab.left}`
  expect(all.containers.find(target => target.name === name)).toEqual({
    name,
    type: 'bindmount',
    netns: inodeOf(lab.left),
    'network-interfaces': ['eth0'],
    pid: 0,
    starttime: 0,
    prefix: '',
  })
})

test('rules of iptables-legacy are found where they are, and looking for them makes none', async () => {
  const rule = '-t nat -A PREROUTING -p udp -m udp --dport 5300 -j DNAT --to-destination 10.0.0.9:53'
  await inside(lab.right, 'iptables-legacy', ...rule.split(' '))
  const ports = namespaceIn(await topology(), inodeOf(lab.right))['forwarded-ports'].ipv4
  expect(ports).toMatchObject([{ protocol: 'udp', port: 5300, 'forward-ip': '10.0.0.9', 'forward-port': 53 }])
  for (const file of ['ip_tables_names', 'ip6_tables_names'])
    expect(await inside(lab.left, 'cat', `/proc/self/net/${file}`)).toBe('')
})

test('says the same twice', async () => {
  // Others come and go on this machine: what is compared is our own.
  const own = [lab.hub, lab.left, lab.right].map(inodeOf)
  const text = ({ 'network-namespaces': all }: Topology) =>
    JSON.stringify(all.filter(({ netnsid }) => own.includes(netnsid)))
  expect(text(await topology())).toBe(text(await topology()))
})

test.each(['hub', 'left', 'right'] as const)(
  'interfaces, addresses and routes of %s are those that ip shows',
  async place => {
    const name = lab[place]
    const namespace = namespaceIn(await topology(), inodeOf(name))
    const truth = JSON.parse(await must('ip', '-n', name, '-j', 'address')) as Record<string, unknown>[]
    expect(
      namespace['network-interfaces'].map(({ index, name, operstate, addresses }) => ({
        index,
        name,
        operstate,
        mac: addresses.mac,
        addresses: [...addresses.ipv4, ...addresses.ipv6]
          .map(({ address, prefixlen }) => `${address}/${prefixlen}`)
          .sort(),
      })),
    ).toEqual(
      truth.map(({ ifindex, ifname, operstate, address, addr_info }) => ({
        index: ifindex,
        name: ifname,
        operstate,
        mac: address,
        addresses: (addr_info as { local: string; prefixlen: number }[])
          .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
          .sort(),
      })),
    )
    for (const [family, option] of [
      ['ipv4', '-4'],
      ['ipv6', '-6'],
    ] as const) {
      const routes: string[] = []
      for (const table of ['main', 'local']) {
        const lines = await must('ip', '-n', name, option, '-d', '-o', 'route', 'show', 'table', table).catch(() => '')
        routes.push(
          ...lines
            .split('\n')
            .filter(line => line.trim() !== '')
            .map(line => `${table} ${line.split(' ').slice(0, 2).join(' ')} ${/ via (\S+)/.exec(line)?.[1] ?? ''}`),
        )
      }
      expect(
        namespace.routes[family]
          .map(route => {
            const bits = family === 'ipv4' ? 32 : 128
            const target =
              route['destination-prefixlen'] === 0
                ? 'default'
                : route.destination +
                  (route['destination-prefixlen'] === bits ? '' : `/${route['destination-prefixlen']}`)
            return `${route.table === 254 ? 'main' : 'local'} ${route.type} ${target} ${route['next-hop'] ?? ''}`
          })
          .sort(),
      ).toEqual(routes.sort())
    }
  },
)

test('a route that leads nowhere has no interface', async () => {
  const { routes } = namespaceIn(await topology(), inodeOf(lab.hub))
  const blackhole = routes.ipv4.find(({ type }) => type === 'blackhole')
  expect(blackhole).toEqual({
    type: 'blackhole',
    family: 2,
    destination: '10.66.0.0',
    'destination-prefixlen': 16,
    preference: '00',
    priority: 0,
    table: 254,
  })
})

test('interfaces know what they hang together with', async () => {
  const [hub, left, right] = [
    namespaceIn(await topology(), inodeOf(lab.hub)),
    namespaceIn(await topology(), inodeOf(lab.left)),
    namespaceIn(await topology(), inodeOf(lab.right)),
  ]
  const idOf = (namespace: Namespace, name: string) => nif(namespace, name)?.id
  expect(nif(hub, 'v0')?.index).toBe(nif(left, 'eth0')?.index)
  expect(nif(hub, 'v0')?.peer?.['peer-idref']).toBe(idOf(left, 'eth0'))
  expect(nif(left, 'eth0')?.peer?.['peer-idref']).toBe(idOf(hub, 'v0'))
  expect(nif(hub, 'v1')?.peer?.['peer-idref']).toBe(idOf(right, 'eth0'))
  expect(nif(hub, 'in0')?.peer).toMatchObject({ 'peer-name': 'in1' })
  expect(nif(hub, 'in1')).toMatchObject({ alias: 'an "alias"', kind: 'veth', driverinfo: { driver: 'veth' } })
  expect(nif(hub, 'br0')).toMatchObject({
    slaves: expect.arrayContaining(['v0', 'v1', 'vx0'].map(name => expect.objectContaining({ name }))),
    macvlans: [{ idref: idOf(right, 'mv0'), name: 'mv0' }],
  })
  expect(nif(hub, 'v1')).toMatchObject({ master: { name: 'br0' }, promisc: false })
  expect(nif(right, 'mv0')).toMatchObject({ kind: 'macvlan', macvlan: { idref: idOf(hub, 'br0'), name: 'br0' } })
  expect(nif(hub, 'vx0')).toMatchObject({
    vxlan: {
      idref: idOf(hub, 'br0'),
      vid: 42,
      'remote-port': 4789,
      source: { source_ipv4: '10.77.0.1' },
      remote: { remote_ipv4: '10.77.0.9' },
    },
  })
  expect(nif(hub, 'tap7')).toMatchObject({
    kind: 'tuntap',
    tuntap: { mode: 'tap', processors: [{ pid: lab.tap.pid, cmdline: expect.stringContaining('socat') }] },
  })
})

test('two pairs that look exactly alike are not mixed up', async () => {
  const all = await topology()
  for (const { sender, receiver } of pairs) {
    const [a, b] = [sender, receiver].map(name =>
      all['network-namespaces'].find(({ netnsid }) => netnsid === inodeOf(name)),
    )
    expect(a && nif(a, 'a0')?.peer?.['peer-idref']).toBe(b && nif(b, 'b0')?.id)
    expect(b && nif(b, 'b0')?.peer?.['peer-idref']).toBe(a && nif(a, 'a0')?.id)
  }
})

test('of two pairs with the same indexes, one end of each hidden, no ends are taken for a pair', async () => {
  const id = randomBytes(3).toString('hex')
  const [first, second, ...hidden] = ['a', 'b', 'c', 'd'].map(letter => `rt-${id}-${letter}`) as [string, ...string[]]
  const index = (number: number) => ['index', String(number)]
  const tie = (near: string, far = '') =>
    must(
      ...['ip', '-n', near, 'link', 'add', 'name', 'v0', ...index(7201), 'type', 'veth'],
      ...['peer', 'name', 'v1', ...index(7302), 'netns', far],
    )
  const sleepers: Running[] = []
  try {
    for (const name of [first, second, ...hidden]) await must('ip', 'netns', 'add', name ?? '')
    await tie(first, hidden[0])
    await tie(hidden[1] ?? '', second)
    for (const name of hidden) {
      const inode = inodeOf(name)
      sleepers.push(start(['nsenter', `--net=/run/netns/${name}`, '--', 'sleep', '600'], {}, 600_000))
      const pid = sleepers.at(-1)?.pid
      await until('a process lives there', () => readlinkSync(`/proc/${pid}/ns/net`) === `net:[${inode}]`)
      await must('ip', 'netns', 'del', name)
    }
    // What has a process alone is hidden from another PID namespace.
    const alone = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--']
    const { status, stdout, stderr } = await run([...alone, executable, 'list', '--format', 'ghostwire'])
    expect(status, stderr).toBe(0)
    const seen: Topology = JSON.parse(stdout)
    const [v0, v1] = [nif(namespaceIn(seen, inodeOf(first)), 'v0'), nif(namespaceIn(seen, inodeOf(second ?? '')), 'v1')]
    expect([v0?.index, v1?.index]).toEqual([7201, 7302])
    expect([v0?.peer, v1?.peer]).toEqual([undefined, undefined])
    const whole = await topology()
    const there = whole['network-namespaces'].find(one =>
      one.containers.some(({ name }) => name === `sleep(${sleepers[0]?.pid})`),
    )
    expect(nif(namespaceIn(whole, inodeOf(first)), 'v0')?.peer).toMatchObject({
      'peer-idref': there && nif(there, 'v1')?.id,
      'peer-name': 'v1',
    })
  } finally {
    for (const { child } of sleepers) await end(child)
    for (const name of [first, second, ...hidden]) await run(['ip', 'netns', 'del', name ?? ''])
  }
})

test('sockets are those that ss shows, with their processes', async () => {
  const namespace = namespaceIn(await topology(), inodeOf(lab.hub))
  const ports = Object.values(namespace['transport-ports']).flat()
  const shown = (await inside(lab.hub, 'ss', '-Htunap'))
    .trim()
    .split('\n')
    .map(line => {
      const [protocol, , , , local = ''] = line.split(/\s+/)
      const [, pid] = /pid=(\d+)/.exec(line) ?? []
      const at = local.lastIndexOf(':')
      return {
        protocol,
        address: local
          .slice(0, at)
          .replace(/^\[|\]$/g, '')
          .replace(/^\*$/, '::'),
        port: Number(local.slice(at + 1)),
        pid: pid === undefined ? undefined : Number(pid),
      }
    })
  for (const { protocol, address, port, pid } of shown) {
    expect(
      ports.find(
        other => other.protocol === protocol && other['local-address'] === address && other['local-port'] === port,
      )?.owners[0]?.pid,
    ).toBe(pid)
  }
  const v4 = (port: number) => namespace['transport-ports'].ipv4.find(other => other['local-port'] === port)
  expect(v4(8081), 'a socket of both families').toMatchObject({
    family: 2,
    'local-address': '0.0.0.0',
    macrostate: 'listening',
    state: 'listening',
  })
  expect(v4(8082), 'a socket of IPv6 alone').toBeUndefined()
  expect(v4(5354)).toMatchObject({ protocol: 'udp', macrostate: 'listening' })
  expect(v4(80)).toMatchObject({ 'local-servicename': 'http', owners: [{ pid: lab.listener.pid }] })
  expect(namespace['transport-ports'].ipv4.filter(({ macrostate }) => macrostate === 'connected')).toHaveLength(2)
})

test('forwarded ports lead to the namespace and the process they end at', async () => {
  const all = await topology()
  const { ipv4 } = namespaceIn(all, inodeOf(lab.hub))['forwarded-ports']
  const forward = { family: 2, protocol: 'tcp' }
  expect(ipv4).toMatchObject([
    {
      ...forward,
      ip: '10.96.0.10',
      port: 443,
      servicename: 'https',
      'forward-ip': '10.77.0.2',
      'forward-port': 8443,
      netnsid: inodeOf(lab.left),
    },
    { ...forward, ip: '10.96.0.10', port: 443, 'forward-ip': '10.77.0.3', netnsid: inodeOf(lab.right) },
    {
      ...forward,
      ip: '10.77.0.1',
      port: 8000,
      'forward-ip': '10.77.0.3',
      'forward-port': 80,
      netnsid: inodeOf(lab.right),
      'network-interface-refs': [nif(namespaceIn(all, inodeOf(lab.right)), 'eth0')?.id],
    },
  ])
})
