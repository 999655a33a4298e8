/** The other end of a container's interface, where Docker has put it: on a bridge in the namespace of the engine. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findPeers } from '../../src/discover/resolve/veth-peer.ts'
import { openProcessNamespace } from '../../src/linux/namespace/netns.ts'
import { listInterfaces } from '../../src/linux/network/iproute.ts'
import { must } from '../helpers/command.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'

let engine: Docker
beforeAll(async () => {
  engine = await startDocker()
})
afterAll(() => engine.close())

test('of a container with two networks, among others', async () => {
  const second = await engine.docker('network', 'create', 'second')
  for (const name of ['one', 'two', 'three']) await engine.container(name)
  await engine.docker('network', 'connect', 'second', 'two')
  const target = openProcessNamespace(Number(await engine.docker('inspect', '-f', '{{.State.Pid}}', 'two')))
  const daemon = openProcessNamespace(engine.daemon.pid ?? 0)
  try {
    const interfaces = await listInterfaces(target)
    const peers = await findPeers(target, interfaces, { signal: AbortSignal.timeout(20_000) })
    const enter = ['nsenter', '-t', String(engine.daemon.pid), '-n']
    for (const [name, master] of [
      ['eth0', 'docker0'],
      ['eth1', `br-${second.slice(0, 12)}`],
    ] as const) {
      const peer = peers.get(name)
      expect(peer?.namespace.inode).toBe(daemon.inode)
      const [link] = JSON.parse(await must(...enter, 'ip', '-j', 'link', 'show', peer?.name ?? ''))
      const index = interfaces.find(nif => nif.name === name)?.index
      expect(link).toMatchObject({ ifindex: peer?.index, address: peer?.mac, link_index: index, master })
      peer?.namespace.close()
    }
    expect(peers.size).toBe(2)
  } finally {
    target.close()
    daemon.close()
  }
})
