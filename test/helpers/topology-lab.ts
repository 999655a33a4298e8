/**
 * A namespace with everything that is hard to read: a bridge with ports, a veth pair whose ends have the same index, a
 * macvlan that moved away, vxlan, a TAP interface that is served, a route that leads nowhere, sockets of both families,
 * and forwarded ports of nftables and of chains like those of kube-proxy.
 */
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { end, must, type Running, run, start, until } from './command.ts'

/** Milliseconds the processes of the lab live at most: the tests of a file take minutes on a busy machine. */
const lifetime = 900_000

export interface TopologyLab {
  /** Names of the namespaces: the middle, and two at its ends. */
  readonly hub: string
  readonly left: string
  readonly right: string
  readonly listener: Running
  readonly tap: Running
  close(): Promise<void>
}

/** Inode of a named namespace. */
export function inodeOf(name: string): number {
  return statSync(`/run/netns/${name}`).ino
}

/** Runs a command in a named namespace; it must succeed. */
export function inside(name: string, ...command: string[]): Promise<string> {
  return must('nsenter', `--net=/run/netns/${name}`, '--', ...command)
}

const sockets = `
const net = require('node:net'), dgram = require('node:dgram')
net.createServer(() => {}).listen(8080, '0.0.0.0')
net.createServer(() => {}).listen(8081, '::')
net.createServer(() => {}).listen({ port: 8082, host: '::', ipv6Only: true })
net.createServer(() => {}).listen(80, '127.0.0.1', () => net.connect(80, '127.0.0.1'))
dgram.createSocket('udp4').bind(5353, '10.77.0.1')
dgram.createSocket('udp6').bind(5354, () => console.error('ready'))`

/** Makes the lab; needs root, nft, iptables and socat. */
export async function makeTopologyLab(): Promise<TopologyLab> {
  const id = randomBytes(3).toString('hex')
  const [hub, left, right] = [`rt-${id}-hub`, `rt-${id}-left`, `rt-${id}-right`]
  const started: Running[] = []
  const close = async () => {
    for (const { child } of started) await end(child)
    for (const name of [hub, left, right]) await run(['ip', 'netns', 'del', name])
  }
  try {
    for (const name of [hub, left, right]) await must('ip', 'netns', 'add', name)
    return { hub, left, right, ...(await fill(hub, left, right, started)), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Makes what is in the namespaces; the programs that run in them are noted as they start. */
async function fill(
  hub: string,
  left: string,
  right: string,
  started: Running[],
): Promise<Pick<TopologyLab, 'listener' | 'tap'>> {
  const ip = (name: string, ...args: string[]) => must('ip', '-n', name, ...args)
  // The first interfaces of two new namespaces have the same index.
  await ip(hub, 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', left)
  await ip(hub, 'link', 'add', 'br0', 'type', 'bridge')
  await ip(hub, 'link', 'add', 'v1', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', right)
  await ip(hub, 'link', 'add', 'in0', 'type', 'veth', 'peer', 'name', 'in1')
  for (const port of ['v0', 'v1']) await ip(hub, 'link', 'set', port, 'master', 'br0')
  await ip(
    hub,
    'link',
    'add',
    'vx0',
    'type',
    'vxlan',
    'id',
    '42',
    'dstport',
    '4789',
    'local',
    '10.77.0.1',
    'remote',
    '10.77.0.9',
    'dev',
    'br0',
  )
  await ip(hub, 'link', 'add', 'mv0', 'link', 'br0', 'type', 'macvlan', 'mode', 'bridge')
  await ip(hub, 'link', 'set', 'mv0', 'netns', right)
  await ip(hub, 'link', 'set', 'in1', 'alias', 'an "alias"')
  await ip(hub, 'addr', 'add', '10.77.0.1/24', 'dev', 'br0')
  await ip(hub, 'addr', 'add', 'fd77::1/64', 'dev', 'br0', 'nodad')
  await ip(left, 'addr', 'add', '10.77.0.2/24', 'dev', 'eth0')
  await ip(right, 'addr', 'add', '10.77.0.3/24', 'dev', 'eth0')
  for (const [name, nif] of [
    [hub, 'br0'],
    [hub, 'v0'],
    [hub, 'v1'],
    [hub, 'lo'],
    [left, 'eth0'],
    [right, 'eth0'],
    [right, 'lo'],
  ] as const)
    await ip(name, 'link', 'set', nif, 'up')
  await ip(hub, 'route', 'add', 'blackhole', '10.66.0.0/16')
  await ip(hub, 'route', 'add', 'default', 'via', '10.77.0.254', 'metric', '7')
  await ip(hub, '-6', 'route', 'add', 'default', 'dev', 'br0')
  await ip(hub, '-6', 'route', 'add', 'unreachable', 'fd66::/48')
  await forward(hub)
  const inHub = ['nsenter', `--net=/run/netns/${hub}`, '--']
  const listener = start([...inHub, process.execPath, '-e', sockets], {}, lifetime)
  started.push(listener)
  await until('the sockets are there', () => listener.stderr().includes('ready'))
  const tun = ['socat', '-u', 'TUN,tun-name=tap7,tun-type=tap,iff-up', 'OPEN:/dev/null']
  const tap = start([...inHub, ...tun], {}, lifetime)
  started.push(tap)
  await until(
    'the TAP interface is there',
    async () => (await run(['ip', '-n', hub, 'link', 'show', 'tap7'])).status === 0,
  )
  await until('no address is tentative any more', async () => {
    const lists = await Promise.all(
      [hub, left, right].map(name => ip(name, '-6', '-o', 'address', 'show', 'tentative')),
    )
    return lists.join('').trim() === ''
  })
  return { listener, tap }
}

/** Port 8000 by nftables, the service 10.96.0.10:443 by chains as kube-proxy makes them, 9000 by a chain of no hook. */
async function forward(name: string): Promise<void> {
  await inside(name, 'nft', 'add table inet shop; add chain inet shop pre { type nat hook prerouting priority -100; }')
  await inside(name, 'nft', 'add rule inet shop pre ip daddr 10.77.0.1 tcp dport 8000 dnat ip to 10.77.0.3:80')
  const iptables = (...args: string[]) => inside(name, 'iptables', '-t', 'nat', ...args)
  for (const chain of ['KUBE-SERVICES', 'KUBE-SVC-A', 'KUBE-SEP-A', 'KUBE-SEP-B', 'LOOSE']) await iptables('-N', chain)
  await iptables('-A', 'PREROUTING', '-j', 'KUBE-SERVICES')
  await iptables(
    '-A',
    'KUBE-SERVICES',
    '-d',
    '10.96.0.10/32',
    '-p',
    'tcp',
    '-m',
    'comment',
    '--comment',
    'default/web -j "X"',
    '--dport',
    '443',
    '-j',
    'KUBE-SVC-A',
  )
  await iptables('-A', 'KUBE-SVC-A', '-m', 'statistic', '--mode', 'random', '--probability', '0.5', '-j', 'KUBE-SEP-A')
  await iptables('-A', 'KUBE-SVC-A', '-j', 'KUBE-SEP-B')
  await iptables('-A', 'KUBE-SEP-A', '-p', 'tcp', '-j', 'DNAT', '--to-destination', '10.77.0.2:8443')
  await iptables('-A', 'KUBE-SEP-B', '-p', 'tcp', '-j', 'DNAT', '--to-destination', '10.77.0.3:8443')
  await iptables('-A', 'LOOSE', '-p', 'tcp', '--dport', '9000', '-j', 'DNAT', '--to-destination', '10.77.0.3:9')
}
