/** The other ends of veth pairs: where the kernel says they are, and never one that only looks like it. */
import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { findPeers, type Peer } from '../../src/discover/resolve/veth-peer.ts'
import { openNamespaceFile } from '../../src/linux/namespace/netns.ts'
import { listInterfaces } from '../../src/linux/network/iproute.ts'
import { must, run } from '../helpers/command.ts'
import { descriptorCount } from '../helpers/leaks.ts'
import { inodeOf } from '../helpers/topology-lab.ts'

const made: string[] = []
afterEach(async () => {
  for (const name of made.splice(0)) await run(['ip', 'netns', 'del', name])
})

async function makeNamespace(): Promise<string> {
  const name = `rt-${randomBytes(4).toString('hex')}`
  made.push(name)
  await must('ip', 'netns', 'add', name)
  return name
}

const ip = (name: string, ...args: string[]) => must('ip', '-n', name, ...args)

/** Makes a pair, with the indexes that are asked for. */
async function tie(
  here: string,
  near: string,
  there: string,
  far: string,
  indexes: [near?: number, far?: number] = [],
) {
  const index = (number: number | undefined) => (number === undefined ? [] : ['index', String(number)])
  const peer = ['peer', 'name', far, 'netns', there, ...index(indexes[1])]
  await ip(here, 'link', 'add', 'name', near, ...index(indexes[0]), 'type', 'veth', ...peer)
}

/** What was found, with the inode of the namespace in place of its descriptor. */
async function peersOf(name: string, chosen?: readonly string[]) {
  const namespace = openNamespaceFile(`/run/netns/${name}`)
  try {
    const all = await listInterfaces(namespace)
    const interfaces = chosen === undefined ? all : all.filter(nif => chosen.includes(nif.name))
    const peers = await findPeers(namespace, interfaces, { signal: AbortSignal.timeout(20_000) })
    return new Map([...peers].map(([near, peer]) => [near, close(peer)]))
  } finally {
    namespace.close()
  }
}

function close({ namespace, ...peer }: Peer) {
  namespace.close()
  return { ...peer, netns: namespace.inode }
}

async function linkOf(name: string, nif: string): Promise<{ index: number; name: string; mac: string; netns: number }> {
  const [{ ifindex, address }] = JSON.parse(await ip(name, '-j', 'link', 'show', nif))
  return { index: ifindex, name: nif, mac: address, netns: inodeOf(name) }
}

test('in another namespace, whatever it is called by now', async () => {
  const [target, outside] = [await makeNamespace(), await makeNamespace()]
  await tie(target, 'eth0', outside, 'veth7', [20, 30])
  expect(await peersOf(target)).toEqual(new Map([['eth0', await linkOf(outside, 'veth7')]]))
  await ip(outside, 'link', 'set', 'veth7', 'name', 'cali123')
  expect(await peersOf(target)).toEqual(new Map([['eth0', await linkOf(outside, 'cali123')]]))
})

test("in the host's namespace", async () => {
  const target = await makeNamespace()
  const far = target.replace('rt-', 'rth')
  await ip(target, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', far)
  await ip(target, 'link', 'set', far, 'netns', String(process.pid))
  const [{ ifindex }] = JSON.parse(await must('ip', '-j', 'link', 'show', far))
  expect((await peersOf(target)).get('eth0')).toMatchObject({ name: far, index: ifindex })
})

test('both ends in one namespace, each found from the other, also when only one is asked for', async () => {
  const target = await makeNamespace()
  await ip(target, 'link', 'add', 'in0', 'type', 'veth', 'peer', 'name', 'in1')
  const [in0, in1] = [await linkOf(target, 'in0'), await linkOf(target, 'in1')]
  expect(await peersOf(target)).toEqual(
    new Map([
      ['in0', in1],
      ['in1', in0],
    ]),
  )
  expect(await peersOf(target, ['in0'])).toEqual(new Map([['in0', in1]]))
})

describe('indexes that mean nothing by themselves', () => {
  test('the same in three pairs, between four namespaces', async () => {
    const [target, outside, other, stranger] = [
      await makeNamespace(),
      await makeNamespace(),
      await makeNamespace(),
      await makeNamespace(),
    ]
    await tie(target, 'eth0', outside, 'v0', [20, 20])
    await tie(other, 'eth0', stranger, 'v0', [20, 20])
    await tie(target, 'eth1', stranger, 'v1', [30, 30])
    await tie(other, 'eth1', outside, 'v1', [30, 30])
    expect(await peersOf(target)).toEqual(
      new Map([
        ['eth0', await linkOf(outside, 'v0')],
        ['eth1', await linkOf(stranger, 'v1')],
      ]),
    )
    expect(await peersOf(other)).toEqual(
      new Map([
        ['eth0', await linkOf(stranger, 'v0')],
        ['eth1', await linkOf(outside, 'v1')],
      ]),
    )
  })

  test('a pair of others between whose ends the numbers lie the other way round', async () => {
    const [target, outside, other] = [await makeNamespace(), await makeNamespace(), await makeNamespace()]
    await tie(target, 'eth0', outside, 'v0', [20, 30])
    await tie(other, 'eth0', target, 'eth1', [20, 30])
    expect(await peersOf(target)).toEqual(
      new Map([
        ['eth0', await linkOf(outside, 'v0')],
        ['eth1', await linkOf(other, 'eth0')],
      ]),
    )
  })
})

test('what has no other end, or only something below, is left out', async () => {
  const [target, outside] = [await makeNamespace(), await makeNamespace()]
  await ip(outside, 'link', 'add', 'br0', 'type', 'bridge')
  await ip(outside, 'link', 'add', 'mv0', 'link', 'br0', 'type', 'macvlan', 'mode', 'bridge')
  await ip(outside, 'link', 'set', 'mv0', 'netns', target)
  await ip(target, 'link', 'add', 'mv1', 'link', 'mv0', 'type', 'macvlan', 'mode', 'bridge')
  await ip(target, 'tuntap', 'add', 'tap0', 'mode', 'tap')
  expect(await peersOf(target)).toEqual(new Map())
})

test('what a macvlan is stacked on is no other end, though the numbers of a pair are the same', async () => {
  const [target, outside, other] = [await makeNamespace(), await makeNamespace(), await makeNamespace()]
  await tie(outside, 'v0', other, 'eth0', [20, 30])
  await ip(outside, 'link', 'add', 'link', 'v0', 'name', 'mv0', 'index', '30', 'type', 'macvlan', 'mode', 'bridge')
  await ip(outside, 'link', 'set', 'mv0', 'netns', target)
  expect(JSON.parse(await ip(target, '-j', 'link', 'show', 'mv0'))).toMatchObject([{ ifindex: 30, link_index: 20 }])
  expect(await peersOf(target)).toEqual(new Map())
})

test('every descriptor is closed, but for those that were asked for', async () => {
  const [target, outside] = [await makeNamespace(), await makeNamespace()]
  await tie(target, 'eth0', outside, 'v0')
  await tie(target, 'eth1', outside, 'v1')
  const namespace = openNamespaceFile(`/run/netns/${target}`)
  const interfaces = await listInterfaces(namespace)
  const before = descriptorCount()
  const peers = await findPeers(namespace, interfaces, { signal: AbortSignal.timeout(20_000) })
  expect(descriptorCount()).toBe(before + 2)
  for (const peer of peers.values()) peer.namespace.close()
  await expect(findPeers(namespace, interfaces, { signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
  expect(descriptorCount()).toBe(before)
  namespace.close()
})
