/** The CRI of containerd, the real one, with pods made as a kubelet makes them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { discover } from '../../src/discover/list/discover.ts'
import { listRunningTargets } from '../../src/discover/list/running.ts'
import { resolveTarget } from '../../src/discover/resolve/resolve.ts'
import { criEngine } from '../../src/engine/cri.ts'
import { readNamespaceInode } from '../../src/linux/process/proc.ts'
import { type Containerd, containerdImage, startContainerd } from '../helpers/containerd.ts'
import { testEngine } from './compliance.ts'

testEngine(
  'cri',
  async () => {
    const { socket, pods, close } = await startContainerd()
    const podsByContainer = new Map<string, string>()
    const ids = new Map<string, string>()
    const startIn = async (
      pod: string,
      name: string,
      labels?: Record<string, string>,
      variables?: Record<string, string>,
    ) => {
      const id = await pods.runContainer(pod, name, labels, [], variables)
      podsByContainer.set(name, pod)
      ids.set(name, id)
      return id
    }
    return {
      engine: criEngine(socket),
      start: async (name, labels, variables) => startIn(await pods.runPod(`pod-${name}`), name, labels, variables),
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
  { id: true, annotations: true, addresses: true, pause: true, restart: true },
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
          'io.kubernetes.pod.name': 'shop',
          'io.kubernetes.pod.namespace': 'lab',
          'io.kubernetes.pod.uid': 'uid-of-shop',
        },
        annotations: { note: 'by hand' },
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

  test('is one target; equal containers of two have references that work; what the CRI did not make is there too', async () => {
    const { pods, socket, ctr } = containerd
    const env = { CONTAINERD_ADDRESS: socket }
    const sandboxes = [await pods.runPod('one'), await pods.runPod('two')]
    const members = [
      await pods.runContainer(sandboxes[0] ?? '', 'main'),
      await pods.runContainer(sandboxes[1] ?? '', 'main'),
    ]
    await ctr('k8s.io', 'run', '-d', containerdImage, 'by-hand')
    const isOurs = ({ name }: { name: string }) =>
      /^(?:lab|k8s\.io)\//.test(name) || sandboxes.includes(name) || name === 'main'
    const targets = (await discover({ signal: signal(), interfaces: false, env })).targets.filter(isOurs)
    expect(targets.map(({ name, type, reference }) => [name, type, reference]).sort()).toEqual([
      ['k8s.io/by-hand', 'containerd', 'containerd:k8s.io/by-hand'],
      ['lab/one', 'pod', 'pod:lab/one'],
      ['lab/two', 'pod', 'pod:lab/two'],
    ])
    const running = (await listRunningTargets(2_000, signal(), env)).filter(isOurs)
    expect(running.map(({ reference }) => reference).sort()).toEqual(targets.map(({ reference }) => reference).sort())
    const references = targets.flatMap(target => target.members ?? []).filter(({ sandbox }) => !sandbox)
    expect(references.map(({ reference }) => reference).sort()).toEqual(
      members.map(id => `cri:${id.slice(0, 12)}`).sort(),
    )
    for (const { reference, pid = 0, netns = readNamespaceInode(pid, 'net') } of [...targets, ...references] as {
      reference: string
      pid?: number
      netns?: number
    }[]) {
      const { namespace } = await resolveTarget(reference, { signal: signal(), env })
      namespace.close()
      expect(namespace.inode, reference).toBe(netns)
    }
  })
})
