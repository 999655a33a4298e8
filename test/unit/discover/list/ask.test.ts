/** What several engines tell, brought together. */
import { expect, test } from 'vitest'
import { askHost } from '../../../../src/discover/list/ask.ts'
import type { Container, Engine } from '../../../../src/engine/engine.ts'

const socket = '/run/containerd/containerd.sock'

function container(engine: Container['engine'], name: string, more: Partial<Container> = {}): Container {
  const nothing = { socket, prefix: '', image: '', state: 'running', created: 0, addresses: [], labels: {} } as const
  return { ...nothing, engine, id: name, name, ...more }
}

function engine(name: Engine['name'], containers: readonly Container[] | Error): Engine {
  return {
    name,
    address: socket,
    containers: async () => {
      if (containers instanceof Error) throw containers
      return [...containers]
    },
    process: async () => undefined,
    follow: async () => {},
  }
}

const id = 'ab'.repeat(32)
const made = { 'io.cri-containerd.kind': 'container' }
const byHand = container('containerd', 'k8s.io/by-hand')
const listed = container('containerd', `k8s.io/${id}`, { id, labels: made })
const starting = container('containerd', 'k8s.io/starting', { labels: made })

test.each<[string, readonly Container[] | Error, readonly Container[]]>([
  ['what the CRI tells of, and what it has just made, is its own', [container('cri', 'main', { id })], [byHand]],
  ["where it tells of nothing everything is containerd's", [], [byHand, listed, starting]],
  ['so it is where it fails', new Error('it hangs'), [byHand, listed, starting]],
])('%s', async (_, told, kept) => {
  const found = [engine('containerd', [byHand, listed, starting]), engine('cri', told)]
  const [answer] = await askHost(1_000, new AbortController().signal, {}, { found })
  expect(answer?.containers).toEqual(kept)
})
