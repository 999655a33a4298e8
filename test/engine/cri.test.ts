/** The CRI of containerd, the real one, with pods made as a kubelet makes them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { criEngine } from '../../src/engine/cri.ts'
import { readNamespaceInode } from '../../src/linux/process/proc.ts'
import { type Containerd, startContainerd } from '../helpers/containerd.ts'
import { testEngine } from './compliance.ts'

testEngine(
  'cri',
  async () => {
    const { socket, pods, close } = await startContainerd()
    const podsByContainer = new Map<string, string>()
    const ids = new Map<string, string>()
    const startIn = async (pod: string, name: string, labels: Record<string, string> = {}) => {
      const id = await pods.runContainer(pod, name, labels)
      podsByContainer.set(name, pod)
      ids.set(name, id)
      return id
    }
    return {
      engine: criEngine(socket),
      start: async (name, labels) => startIn(await pods.runPod(`pod-${name}`), name, labels),
      stop: name => pods.stopContainer(ids.get(name) ?? ''),
      restart: () => Promise.reject(new Error('a restarted container is another one')),
      pause: () => Promise.reject(new Error('there is no pause')),
      resume: () => Promise.reject(new Error('there is no pause')),
      startBeside: (name, other) => startIn(podsByContainer.get(other) ?? '', name),
      async startPod(pod, names) {
        const sandbox = await pods.runPod(pod)
        for (const name of names) await startIn(sandbox, name)
      },
      close,
    }
  },
  { addresses: true, pause: true, restart: true },
)

describe('a pod', () => {
  let containerd: Containerd
  beforeAll(async () => {
    containerd = await startContainerd()
  })
  afterAll(() => containerd?.close())
  const signal = () => AbortSignal.timeout(10_000)

  test('has a sandbox with its labels and annotations, addresses when asked for, and is captured like a container until it is stopped', async () => {
    const { pods, socket } = containerd
    const engine = criEngine(socket)
    const id = await pods.runPod('shop', { app: 'shop' }, { note: 'by hand' })
    const member = await pods.runContainer(id, 'web', { tier: 'front' })
    const listed = await engine.containers(signal())
    const pod = { id, name: 'lab/shop' }
    expect(listed.sort((a, b) => Number(b.pod?.sandbox) - Number(a.pod?.sandbox))).toMatchObject([
      {
        id,
        name: id,
        pod: { ...pod, sandbox: true },
        labels: {
          app: 'shop',
          'io.kubernetes.annotation/note': 'by hand',
          'io.kubernetes.pod.name': 'shop',
          'io.kubernetes.pod.namespace': 'lab',
          'io.kubernetes.pod.uid': 'uid-of-shop',
        },
      },
      { id: member, name: 'web', pod: { ...pod, sandbox: false }, labels: { tier: 'front' } },
    ])
    const addresses = new Map(
      (await engine.containers(signal(), { addresses: true })).map(container => [container.id, container.addresses]),
    )
    expect([...addresses.keys()].sort()).toEqual([id, member].sort())
    expect(addresses.get(id)).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/)])
    const [outer, inner] = await Promise.all([engine.process(id, signal()), engine.process(member, signal())])
    expect(outer?.pid).not.toBe(inner?.pid)
    expect(readNamespaceInode(outer?.pid ?? 0, 'net')).toBe(readNamespaceInode(inner?.pid ?? 0, 'net'))
    await pods.stopPod(id)
    expect(await engine.process(id, signal())).toBeUndefined()
    expect(await engine.process(member, signal())).toBeUndefined()
    expect(await engine.containers(signal())).toEqual([])
  })
})
