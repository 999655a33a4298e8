/** Names and context of real namespaces, with a process in them and without. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { captureFacts, gatherContext } from '../../src/discover/resolve/context.ts'
import { gatewayNames, hostNames, targetNames } from '../../src/discover/resolve/names.ts'
import { type ResolvedTarget, resolveTarget } from '../../src/discover/resolve/resolve.ts'
import { watchNames } from '../../src/discover/watch/watch-names.ts'
import { listInterfaces } from '../../src/linux/network/iproute.ts'
import { readNetwork } from '../../src/linux/network/network.ts'
import { readCommand } from '../../src/linux/process/proc.ts'
import { contextComment } from '../../src/metadata/context.ts'
import { nameResolutionBlock, sectionHeaderBlock } from '../../src/pcapng/block.ts'
import { end, must, run, until } from '../helpers/command.ts'
import { descriptorCount } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair, receiverAddress } from '../helpers/netns.ts'
import { blocksIn } from '../helpers/pcapng-builder.ts'
import { scratch } from '../helpers/scratch.ts'
import { shownNames, wiresharks } from '../helpers/wireshark.ts'

const gateway = '10.213.7.1'
const signal = () => AbortSignal.timeout(10_000)
const noEngines = { DOCKER_HOST: 'unix:///nonexistent', HOME: '/nonexistent' }
let pair: NetnsPair
const hosts = join(scratch(), 'hosts')
const resolver = join(scratch(), 'resolv.conf')

beforeAll(async () => {
  pair = await makeNetnsPair()
  const ip = ['ip', '-n', pair.receiver]
  await must('nsenter', `--net=/run/netns/${pair.receiver}`, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=0')
  await must(...ip, 'route', 'add', 'default', 'via', gateway)
  await must(...ip, 'route', 'add', '192.0.2.0/24', 'via', '10.213.7.9')
  await must(...ip, 'address', 'add', 'fd00:7::2/64', 'dev', 'b0', 'nodad')
  await must(...ip, '-6', 'route', 'add', 'default', 'via', 'fe80::1', 'dev', 'b0')
  writeFileSync(hosts, `127.0.0.1 localhost\n${gateway} router.test # by hand\nff02::1 all\nfd00:7:0::5 db\n`)
  writeFileSync(resolver, 'search lab.test\nnameserver 10.213.7.53\noptions ndots:2 edns0\n')
})
afterAll(() => pair?.close())

test('each Wireshark shows the best name of a record, and of a later block once that has come', async () => {
  const address = Uint8Array.of(10, 0, 0, 1)
  const { description, packet } = blocksIn('LE')
  const bytes = Buffer.from(`4500001c0000000040110000${'0a000001'}${'0a000002'}0001000200080000`, 'hex')
  const seen = packet({ data: bytes })
  const file = join(scratch(), 'records.pcapng')
  const first = nameResolutionBlock([{ address, names: ['best', 'second', 'third'] }])
  const later = nameResolutionBlock([{ address, names: ['better', 'best', 'second'] }])
  const header = sectionHeaderBlock('remora', '')
  writeFileSync(file, Buffer.concat([header, first, header, description([], { linkType: 101 }), seen, later, seen]))
  for (const wireshark of wiresharks) {
    const { version } = wireshark
    expect(await shownNames(wireshark, file), version).toEqual(new Set(['best 10.0.0.2', 'better 10.0.0.2']))
    expect(await shownNames(wireshark, file, '-2'), version).toEqual(new Set(['better 10.0.0.2']))
  }
})

/** A process in the receiver with files of its own in /etc. */
async function tenant() {
  const files = `mount --bind ${hosts} /etc/hosts; mount --bind ${resolver} /etc/resolv.conf; exec sleep 1000`
  const entry = [`--net=/run/netns/${pair.receiver}`, '--', 'unshare', '--mount', 'sh', '-c', files]
  const child = spawn('nsenter', entry, { stdio: 'ignore' })
  await until('the sleeper sleeps', () => readCommand(child.pid ?? 0) === 'sleep')
  return child
}

async function withTarget(reference: string, use: (target: ResolvedTarget) => Promise<void>, names = true) {
  const before = descriptorCount()
  const target = await resolveTarget(reference, { signal: signal(), env: noEngines, names })
  await use(target).finally(() => target.namespace.close())
  expect(descriptorCount()).toBe(before)
}

const lines = (names: readonly { address: string; name: string }[]) =>
  names.map(({ address, name }) => `${address} ${name}`)

test('a namespace without a process has the names of this host, and its gateways by its routes', async () => {
  await withTarget(`named:${pair.receiver}`, async ({ names, namespace }) => {
    expect(targetNames({ namespace })).toEqual([])
    const host = lines(hostNames())
    expect(host).toContainEqual(expect.stringContaining(hostname()))
    expect(lines(names).slice(0, host.length)).toEqual(host)
    // Containers of others may be on this machine, and have names too.
    expect(lines(names).filter(line => /^(?:10\.213\.7\.|fd00:7:)/.test(line))).toEqual([])
    const { routes, interfaces } = await readNetwork(namespace)
    expect(lines(gatewayNames(routes))).toEqual([`${gateway} gateway`, 'fe80::1 gateway'])
    expect(interfaces).toEqual(await listInterfaces(namespace))
  })
})

test('a process adds those of its hosts file, before the gateway', async () => {
  const child = await tenant()
  const expected = [`${gateway} router.test`, 'fd00:7::5 db', `${gateway} gateway`, 'fe80::1 gateway']
  await withTarget(`pid:${child.pid}`, async target => {
    expect(lines(target.names).slice(-4)).toEqual(expected)
    await end(child)
    // What is read now may be another's.
    expect(targetNames(target)).toEqual([])
  })
})

test('nothing is gathered for whoever wants no names', () =>
  withTarget(`named:${pair.receiver}`, async ({ names }) => expect(names).toEqual([]), false))

test('the context of a process: interfaces with their peers, routes, resolver', async () => {
  const child = await tenant()
  await withTarget(`pid:${child.pid}`, async target => {
    const interfaces = await listInterfaces(target.namespace)
    const context = await gatherContext(target, interfaces, { signal: signal(), filterOf: name => `on ${name}` })
    const [peer] = JSON.parse(await must('ip', '-n', pair.sender, '-json', 'link', 'show', 'a0'))
    const { targets, host, remora } = parse(contextComment(captureFacts([context])))
    expect([host.name, typeof remora]).toEqual([hostname(), 'string'])
    expect(targets).toMatchObject([
      {
        ...{ name: `sleep(${child.pid})`, type: 'proc', netns: target.namespace.inode },
        incarnation: { pid: child.pid, 'start-time': target.namespace.process?.startTime },
        interfaces: [
          { name: 'lo', filter: 'on lo' },
          { name: 'b0', mac: '02:00:00:00:00:02', mtu: 1500, state: 'UP', 'peer-ifindex': peer.ifindex },
        ],
        'resolv-conf': { nameservers: ['10.213.7.53'], search: ['lab.test'], options: ['ndots:2', 'edns0'] },
      },
    ])
    expect(targets[0].interfaces[1].addresses).toEqual(expect.arrayContaining([receiverAddress, 'fd00:7::2']))
    expect(targets[0].interfaces[0]).not.toHaveProperty('mac')
    expect(targets[0].routes).toEqual([
      `default via ${gateway} dev b0`,
      '10.213.7.0/24 dev b0',
      '192.0.2.0/24 via 10.213.7.9 dev b0',
      'fd00:7::/64 dev b0',
      ...targets[0].routes.filter((route: string) => route.startsWith('fe80')),
      'default via fe80::1 dev b0',
    ])
  }).finally(() => end(child))
})

test('the context of a namespace without a process has routes all the same, and offloads when asked for', async () => {
  await withTarget(`named:${pair.receiver}`, async target => {
    const { interfaces, routes } = await readNetwork(target.namespace)
    const context = await gatherContext(target, interfaces, { signal: signal(), offloads: true, routes })
    expect(context.routes).toContain(`default via ${gateway} dev b0`)
    expect(context.resolver).toBeUndefined()
    const { stdout } = await run(['ip', 'netns', 'exec', pair.receiver, 'ethtool', '-k', 'b0'])
    expect(context.interfaces[1]?.offloads).toContain('tcp-segmentation-offload')
    expect(stdout).toContain('tcp-segmentation-offload: on')
  })
})

test('nothing of it makes a capture fail: neither a signal, nor a target that has gone', async () => {
  const child = await tenant()
  await withTarget(`pid:${child.pid}`, async target => {
    const context = await gatherContext(target, [], { signal: AbortSignal.abort() })
    expect(context.netns).toBe(target.namespace.inode)
    await end(child)
    const gone = await gatherContext(target, [], { signal: signal(), offloads: true })
    expect([gone.resolver, gone.routes]).toEqual([undefined, []])
  })
})

test('a name that comes into a hosts file later is told of, with the others of its address', async () => {
  const child = await tenant()
  const stop = new AbortController()
  const told: string[] = []
  const target = await resolveTarget(`pid:${child.pid}`, { signal: signal(), env: noEngines })
  watchNames({
    signal: stop.signal,
    env: noEngines,
    known: target.names,
    targets: () => [target],
    onChange: names => told.push(...lines(names)),
  })
  writeFileSync(hosts, `${gateway} router.test\n10.213.7.77 cache\n${gateway} www.test\n`)
  await until('it is told', () => told.length > 0)
  stop.abort()
  expect(told).toEqual([`${gateway} router.test`, `${gateway} www.test`, `${gateway} gateway`, '10.213.7.77 cache'])
  target.namespace.close()
  await end(child)
})
