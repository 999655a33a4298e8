/** The documents of Ghostwire, compared with what the host's own tools say. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must, run } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { ghostwireSchema, mobysharkSchema } from '../helpers/ghostwire-schema.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { remora } from '../helpers/remora.ts'
import { inodeOf, inside, makeTopologyLab, type TopologyLab } from '../helpers/topology-lab.ts'

let engine: Docker
let lab: TopologyLab
let pairs: NetnsPair[]
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  engine = await startDocker()
  env = { DOCKER_HOST: engine.env.DOCKER_HOST }
  await engine.docker('network', 'create', '--subnet', '172.31.77.0/24', '--label', 'tier=front', 'shop')
  await engine.docker('network', 'create', '--internal', '--subnet', '172.31.78.0/24', 'back')
  await engine.container(
    'web',
    [
      '--network',
      'shop',
      '-p',
      '8088:80',
      '--label',
      'app=web',
      '--hostname',
      'shop-web',
      '--add-host',
      'db.test:172.31.78.9',
    ],
    ['httpd', '-f', '-p', '80'],
  )
  await engine.docker('network', 'connect', 'back', 'web')
  await engine.container('joined', ['--network', 'container:web'])
  lab = await makeTopologyLab()
  pairs = [await makeNetnsPair(), await makeNetnsPair()]
})
afterAll(async () => {
  for (const pair of pairs ?? []) await pair.close()
  await lab?.close()
  await engine?.close()
})

interface Reference {
  readonly idref: string
  readonly name: string
}
interface Interface {
  readonly id: string
  readonly name: string
  readonly index: number
  readonly operstate: string
  readonly addresses: Record<'ipv4' | 'ipv6', { readonly address: string; readonly prefixlen: number }[]> & {
    readonly mac: string
  }
  readonly peer?: { readonly 'peer-idref': string; readonly 'peer-name': string }
  readonly master?: Reference
  readonly slaves?: Reference[]
}
interface Port {
  readonly protocol: string
  readonly 'local-address': string
  readonly 'local-port': number
  readonly macrostate: string
  readonly owners: { readonly pid: number }[]
}
interface Route {
  readonly type: string
  readonly destination: string
  readonly 'destination-prefixlen': number
  readonly 'next-hop'?: string
  readonly table: number
  readonly priority: number
}
interface Namespace {
  readonly netnsid: number
  readonly containers: { readonly id: string; readonly name: string }[]
  readonly 'network-interfaces': Interface[]
  readonly routes: Record<'ipv4' | 'ipv6', Route[]>
  readonly 'transport-ports': Record<'ipv4' | 'ipv6', Port[]>
  readonly 'forwarded-ports': Record<'ipv4' | 'ipv6', Record<string, unknown>[]>
}
interface Topology {
  readonly metadata: Record<string, unknown>
  readonly 'network-namespaces': Namespace[]
}

async function document<T>(...args: string[]): Promise<T> {
  const { status, stdout, stderr } = await remora(['list', '--format', ...args], { env })
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout)
}

const topology = () => document<Topology>('ghostwire')

async function namespaceOf(inode: number): Promise<Namespace> {
  const found = (await topology())['network-namespaces'].find(({ netnsid }) => netnsid === inode)
  if (found === undefined) throw new Error(`namespace ${inode} is not in the document`)
  return found
}

const nif = ({ 'network-interfaces': all }: Namespace, name: string) => all.find(other => other.name === name)

async function dockerNetns(name: string): Promise<number> {
  const pid = await engine.docker('inspect', '-f', '{{.State.Pid}}', name)
  return Number(/\d+/.exec(await must('readlink', `/proc/${pid}/ns/net`))?.[0])
}

describe('mobyshark', () => {
  test('has every target with all seven keys', async () => {
    const all = await document<{ containers: Record<string, unknown>[] }>('mobyshark')
    expect(mobysharkSchema(all, 'document')).toEqual([])
    const netns = await dockerNetns('web')
    const web = all.containers.find(({ name }) => name === 'web')
    expect(web).toMatchObject({ type: 'docker', netns, 'network-interfaces': ['lo', 'eth0', 'eth1'], prefix: '' })
    expect(all.containers.find(({ name }) => name === 'joined')).toMatchObject({ type: 'docker', netns })
    expect(all.containers.find(({ name }) => name === `/run/netns/${lab.left}`)).toEqual({
      name: `/run/netns/${lab.left}`,
      type: 'bindmount',
      netns: inodeOf(lab.left),
      'network-interfaces': ['eth0'],
      pid: 0,
      starttime: 0,
      prefix: '',
    })
    expect(all.containers[0]).toMatchObject({ type: 'proc', name: expect.stringMatching(/^.+\(\d+\)$/) })
  })

  test('filters apply', async () => {
    const { containers } = await document<{ containers: { name: string }[] }>('mobyshark', '--type', 'docker', 'w*')
    expect(containers.map(({ name }) => name)).toEqual(['web'])
  })

  test('an unknown format is wrong usage', async () => {
    expect(await remora(['list', '--format', 'xml'], { env })).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(/^remora: USAGE: there is no format "xml"\nhint: /),
    })
  })
})

describe('ghostwire', () => {
  test('fits the schema, and every id in it leads somewhere, once', async () => {
    const all = await topology()
    expect(ghostwireSchema(all, 'document')).toEqual([])
    const text = JSON.stringify(all)
    const ids = [...text.matchAll(/"id":"([a-z]+-[^"]+)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const references = [...text.matchAll(/idref":"([^"]+)"/g)].map(([, id]) => id)
    expect(references.filter(id => !ids.includes(id))).toEqual([])
    expect(all.metadata['container-engines']).toContainEqual(
      expect.objectContaining({ type: 'docker.com', version: expect.stringMatching(/^\d+\./) }),
    )
  })

  test('says the same twice, apart from the time', async () => {
    const strip = ({ metadata, ...rest }: Topology) =>
      JSON.stringify({ ...rest, ...metadata, 'creation-timestamp': '' })
    // Sockets of others on this machine come and go: what is compared is our own.
    const own = [inodeOf(lab.hub), inodeOf(lab.left), await dockerNetns('web')]
    const ours = (all: Topology) => ({
      ...all,
      'network-namespaces': all['network-namespaces'].filter(({ netnsid }) => own.includes(netnsid)),
    })
    const [first, second] = [await topology(), await topology()]
    expect(strip({ ...ours(first), 'pid-namespaces': [] } as Topology)).toBe(
      strip({ ...ours(second), 'pid-namespaces': [] } as Topology),
    )
  })

  test.each(['hub', 'left', 'right'] as const)(
    'interfaces, addresses and routes of %s are those that ip shows',
    async place => {
      const name = lab[place]
      const namespace = await namespaceOf(inodeOf(name))
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
          const lines = await must('ip', '-n', name, option, '-d', '-o', 'route', 'show', 'table', table).catch(
            () => '',
          )
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
    const { routes } = await namespaceOf(inodeOf(lab.hub))
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
      await namespaceOf(inodeOf(lab.hub)),
      await namespaceOf(inodeOf(lab.left)),
      await namespaceOf(inodeOf(lab.right)),
    ]
    const idOf = (namespace: Namespace, name: string) => nif(namespace, name)?.id
    expect(nif(hub, 'v0')?.index).toBe(nif(left, 'eth0')?.index)
    expect(nif(hub, 'v0')?.peer?.['peer-idref']).toBe(idOf(left, 'eth0'))
    expect(nif(left, 'eth0')?.peer?.['peer-idref']).toBe(idOf(hub, 'v0'))
    expect(nif(hub, 'v1')?.peer?.['peer-idref']).toBe(idOf(right, 'eth0'))
    expect(nif(hub, 'in0')?.peer).toMatchObject({ 'peer-name': 'in1' })
    expect(nif(hub, 'in1')).toMatchObject({ alias: 'an "alias"', kind: 'veth', driverinfo: { driver: 'veth' } })
    expect(nif(hub, 'br0')).toMatchObject({
      slaves: [{ name: 'v0' }, { name: 'v1' }],
      macvlans: [{ idref: idOf(right, 'mv0'), name: 'mv0' }],
    })
    expect(nif(hub, 'v1')).toMatchObject({ master: { name: 'br0' }, promisc: true })
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

  test('sockets are those that ss shows, with their processes', async () => {
    const namespace = await namespaceOf(inodeOf(lab.hub))
    const ports = Object.values(namespace['transport-ports']).flat()
    const shown = (await inside(lab.hub, 'ss', '-Htunap'))
      .trim()
      .split('\n')
      .map(line => {
        const [protocol, , , , local = ''] = line.split(/\s+/)
        const pid = Number(/pid=(\d+)/.exec(line)?.[1])
        const at = local.lastIndexOf(':')
        return {
          protocol,
          address: local
            .slice(0, at)
            .replace(/^\[|\]$/g, '')
            .replace(/^\*$/, '::'),
          port: Number(local.slice(at + 1)),
          pid,
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
    expect(v4(5354)).toMatchObject({ protocol: 'udp', macrostate: 'unconnected' })
    expect(v4(80)).toMatchObject({ 'local-servicename': 'http', owners: [{ pid: lab.listener.pid }] })
    expect(namespace['transport-ports'].ipv4.filter(({ macrostate }) => macrostate === 'connected')).toHaveLength(2)
  })

  test('forwarded ports lead to the namespace and the process they end at', async () => {
    const {
      'forwarded-ports': { ipv4 },
    } = await namespaceOf(inodeOf(lab.hub))
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
        'network-interface-refs': [expect.stringMatching(/^nif-/)],
      },
    ])
  })

  test('Docker: networks, published ports, labels and name resolution', async () => {
    const all = await topology()
    const web = all['network-namespaces'].find(({ containers }) => containers.some(({ name }) => name === 'web'))
    const host = all['network-namespaces'].find(
      namespace =>
        namespace['network-interfaces'].some(({ name }) => name === 'docker0') &&
        namespace['forwarded-ports'].ipv4.some(({ port }) => port === 8088),
    )
    const pid = Number(await engine.docker('inspect', '-f', '{{.State.Pid}}', 'web'))
    expect(web?.containers).toMatchObject([
      {
        id: `cont-${pid}`,
        type: 'docker',
        'type-text': 'Docker',
        status: 'running',
        cmdline: 'httpd -f -p 80',
        labels: { app: 'web' },
        'api-path': engine.socket,
        policy: 0,
        priority: 0,
        nice: 0,
        dns: {
          'uts-hostname': 'shop-web',
          'etc-hostname': 'shop-web',
          nameservers: ['127.0.0.11'],
          'etc-hosts': expect.arrayContaining([{ name: 'db.test', address: '172.31.78.9' }]),
        },
      },
      { name: 'joined' },
    ])
    const published = host?.['forwarded-ports'].ipv4.filter(({ port }) => port === 8088)
    expect(published).toMatchObject([
      {
        ip: null,
        'forward-ip': '172.31.77.2',
        'forward-port': 80,
        netnsid: web?.netnsid,
        owners: [{ pid, 'container-idref': `cont-${pid}` }],
      },
    ])
    expect(web?.['forwarded-ports'].ipv4, 'the name server of Docker').toContainEqual(
      expect.objectContaining({ ip: '127.0.0.11', port: 53, netnsid: web?.netnsid }),
    )
    const bridges = host?.['network-interfaces'].filter(({ name }) => name === 'docker0' || name.startsWith('br-'))
    expect(bridges).toHaveLength(3)
    expect(bridges).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ alias: 'shop', labels: { 'gostwire/network/name': 'shop', tier: 'front' } }),
        expect.objectContaining({
          alias: 'back',
          labels: { 'gostwire/network/name': 'back', 'gostwire/bridge/internal': 'true' },
        }),
        expect.objectContaining({
          alias: 'bridge',
          labels: { 'gostwire/network/name': 'bridge', 'gostwire/network/default-bridge': 'true' },
        }),
      ]),
    )
    const peers = bridges?.flatMap(({ slaves = [] }) =>
      slaves.map(({ idref }) => host?.['network-interfaces'].find(({ id }) => id === idref)?.peer?.['peer-name']),
    )
    expect(peers?.sort()).toEqual(['eth0', 'eth1'])
  })

  test('a plain user gets a document too, with what he may see', async () => {
    const { status, stdout } = await run(
      ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'dist/remora', 'list', '--format', 'ghostwire'],
      { env: { PATH: process.env.PATH } },
    )
    expect(status).toBe(0)
    expect(ghostwireSchema(JSON.parse(stdout), 'document')).toEqual([])
  })
})
