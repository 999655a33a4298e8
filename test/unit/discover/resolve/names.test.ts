/** Names of addresses: which, in what order, and how little hostile content can do. */
import { hostname } from 'node:os'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nameRecords } from '../../../../src/capture/annotate/prelude.ts'
import {
  engineNames,
  gatewayNames,
  hostNames,
  interfaceNames,
  namesOfHosts,
  withoutContested,
} from '../../../../src/discover/resolve/names.ts'
import { nameMemory } from '../../../../src/discover/watch/watch-names.ts'
import type { Container, Engine, EngineAnswer } from '../../../../src/engine/engine.ts'
import { parseHosts } from '../../../../src/linux/host/dns.ts'
import type { NetworkInterface } from '../../../../src/model/interface.ts'
import type { Route } from '../../../../src/model/route.ts'

const nothing = { socket: '', image: '', state: 'running', created: 0, engine: 'docker', id: '', prefix: '' } as const

function container(name: string, address: string, more: Partial<Container> = {}): Container {
  return { ...nothing, name, labels: {}, addresses: [address], ...more }
}

function answer(engine: string, ...containers: Container[]): EngineAnswer {
  return { engine: { name: 'docker', address: engine } as Engine, containers }
}

const compose = (project: string, service: string) => ({
  'com.docker.compose.project': project,
  'com.docker.compose.service': service,
})

const lines = (names: readonly { address: string; name: string }[]) =>
  names.map(({ address, name }) => `${address} ${name}`)

describe('of engines', () => {
  test('containers, pods and compose services, the container before its service', () => {
    const names = engineNames([
      answer(
        '1',
        container('shop_web_1', '10.0.0.2', { labels: compose('shop', 'web') }),
        container('db', 'fd00::3', { prefix: 'dind', labels: compose('shop', 'db') }),
        container('pause', '10.0.0.4', { pod: { name: 'lab/api', id: 'x', sandbox: true } }),
      ),
    ])
    expect(lines(names)).toEqual([
      '10.0.0.2 shop_web_1',
      'fd00::3 dind/db',
      '10.0.0.4 lab/api',
      '10.0.0.2 web',
      '10.0.0.2 shop/web',
      'fd00::3 dind/db',
      'fd00::3 dind/shop/db',
    ])
    expect(nameRecords(names).map(record => record.names)).toEqual([
      ['shop_web_1', 'web', 'shop/web'],
      ['dind/db', 'dind/shop/db'],
      ['lab/api'],
    ])
  })

  test('of two that give the same address, that of the target counts', () => {
    const [outer, inner] = [answer('1', container('a', '10.0.0.2')), answer('2', container('b', '10.0.0.2'))]
    expect(lines(engineNames([outer, inner], inner.engine))).toEqual(['10.0.0.2 b', '10.0.0.2 a'])
    expect(lines(engineNames([outer, inner]))).toEqual(['10.0.0.2 a', '10.0.0.2 b'])
  })

  test('a name of an engine of root is none of another one’s, nor is that of this host', () => {
    const lesser = { uid: 64_001, root: false, users: [] }
    const theirs = ['payroll', hostname(), 'mine'].map((name, at) => container(name, `10.0.0.${at + 3}`))
    const other = answer('2', ...theirs, container('payroll', '10.0.0.2'))
    const answers = [
      { ...other, engine: { ...other.engine, authority: lesser } },
      answer('1', container('payroll', '10.0.0.2')),
    ]
    expect(lines(engineNames(answers))).toEqual(['10.0.0.2 payroll', '10.0.0.5 mine', '10.0.0.2 payroll'])
  })

  test('a label that is no name of a host names nobody', () => {
    const labels = [compose('shop', 'a b'), compose('shop', '\u001b[31m'), compose('shop', ''), compose('x y', 'ok')]
    const names = engineNames([answer('1', ...labels.map(label => container('c', '10.0.0.2', { labels: label })))])
    expect(new Set(lines(names))).toEqual(new Set(['10.0.0.2 c', '10.0.0.2 ok']))
  })
})

const nif = (address: string, internal = false) => ({ address, internal }) as never

test('of this host: neither loopback nor what is unique on one link only', () => {
  const interfaces = { lo: [nif('127.0.0.1', true)], eth0: [nif('192.0.2.7'), nif('fe80::1'), nif('fd00::7')] }
  expect(lines(hostNames(interfaces))).toEqual([`192.0.2.7 ${hostname()}`, `fd00::7 ${hostname()}`])
})

const route = (more: Partial<Route>): Route => ({
  ...{ family: 'ipv4', type: 'unicast', destination: '0.0.0.0', prefix: 0, device: 'eth0', nextHop: '' },
  ...{ preference: '00', metric: 0, table: 254 },
  ...more,
})

test('of gateways: that of the host first where it is this host', () => {
  const routes = [
    route({ nextHop: '172.17.0.1' }),
    route({ family: 'ipv6', destination: '::', nextHop: 'fe80::1' }),
    route({ nextHop: '172.17.0.1', device: 'eth1' }),
    route({ device: 'tun0' }),
    route({ destination: '10.0.0.0', prefix: 8, nextHop: '172.17.0.9' }),
  ]
  expect(lines(gatewayNames(routes, { docker0: [nif('172.17.0.1')] }))).toEqual([
    `172.17.0.1 ${hostname()}`,
    '172.17.0.1 gateway',
    'fe80::1 gateway',
  ])
})

test('of the interfaces of a target', () => {
  const plain = { prefix: 64, preferred: 1, valid: 1 }
  const interfaces: NetworkInterface[] = [
    {
      ...{ index: 2, name: 'eth0', up: true, operstate: 'UP', loopback: false, promiscuous: false },
      addresses: [
        { ...plain, family: 'ipv4', address: '10.0.0.2', scope: 0 },
        { ...plain, family: 'ipv6', address: 'fe80::2', scope: 253 },
      ],
    },
  ]
  expect(lines(interfaceNames({ name: 'web', type: 'containerd' }, interfaces))).toEqual(['10.0.0.2 web'])
  // It may have put there what is the host's.
  const host = [{ address: '10.0.0.2', name: 'host' }]
  expect(interfaceNames({ name: 'web', type: 'containerd' }, interfaces, host)).toEqual([])
  expect(interfaceNames({ name: 'host', type: 'host' }, interfaces)).toEqual([])
})

test('a hosts file gives nobody the name that another address has', () => {
  const known = ['10.0.0.2 db', 'fd00::2 db', '10.0.0.3 web'].map(line => {
    const [address = '', name = ''] = line.split(' ')
    return { address, name }
  })
  const own = namesOfHosts(parseHosts('10.0.0.9 db cache\nfd00::2 db\n10.0.0.2 database'))
  expect(lines(withoutContested(own, known))).toEqual(['10.0.0.9 cache', 'fd00::2 db', '10.0.0.2 database'])
})

describe('of a hosts file', () => {
  test('as Docker writes it', () => {
    const text = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
172.17.0.1\thost.docker.internal # added
FD00:0::5\tdb db.test
172.17.0.2\t0123456789ab
`
    expect(lines(namesOfHosts(parseHosts(text)))).toEqual([
      '172.17.0.1 host.docker.internal',
      'fd00::5 db',
      'fd00::5 db.test',
      '172.17.0.2 0123456789ab',
    ])
  })

  test('a list of advertisers names nobody, and a long one is cut off', () => {
    const many = Array.from({ length: 5_000 }, (_, at) => `10.0.${at >> 8}.${at & 255} host-${at}`)
    expect(namesOfHosts(parseHosts(`0.0.0.0 ads.test\n:: ads.test\n255.255.255.255 broadcasthost\n`))).toEqual([])
    expect(namesOfHosts(parseHosts(many.join('\n')))).toHaveLength(1_000)
  })

  test('whatever it holds, only addresses and names of hosts come out', () => {
    const word = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.domain(),
      fc.string({ unit: 'binary' }),
      fc.constant('\u001b]0;x\u0007'),
    )
    fc.assert(
      fc.property(fc.array(fc.array(word).map(words => words.join('\t'))), rows => {
        for (const { address, name } of namesOfHosts(parseHosts(rows.join('\n')))) {
          expect(name).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/)
          expect(nameRecords([{ address, name }])).toHaveLength(1)
        }
      }),
    )
  })
})

describe('that are new', () => {
  const name = (address: string, text: string) => ({ address, name: text })

  test('come with the others of their address, so that the best one stays on show', () => {
    const memory = nameMemory([name('10.0.0.2', 'web'), name('10.0.0.1', 'gateway')])
    const now = [name('10.0.0.2', 'web'), name('10.0.0.1', 'gateway'), name('10.0.0.2', 'alias')]
    expect(lines(memory.take(now))).toEqual(['10.0.0.2 web', '10.0.0.2 alias'])
    expect(memory.take(now)).toEqual([])
  })

  test('a name that has gone is not told of, an address that changed hands is, also back', () => {
    const memory = nameMemory([])
    expect(memory.take([name('10.0.0.2', 'web')])).toHaveLength(1)
    expect(memory.take([])).toEqual([])
    expect(memory.take([name('10.0.0.2', 'web')])).toEqual([])
    expect(memory.take([name('10.0.0.2', 'db')])).toHaveLength(1)
    expect(memory.take([name('10.0.0.2', 'web')])).toHaveLength(1)
  })

  test('the memory of a long capture is bounded', () => {
    const memory = nameMemory([])
    const addresses = Array.from({ length: 20_000 }, (_, at) => name(`10.1.${at >> 8}.${at & 255}`, 'x'))
    expect(memory.take(addresses)).toHaveLength(20_000)
    expect(memory.take(addresses.slice(-10_000))).toEqual([])
    expect(memory.take(addresses.slice(0, 10_000))).toHaveLength(10_000)
  })
})
