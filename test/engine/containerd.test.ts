/** containerd, the real one, by its own API. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { containerdEngine } from '../../src/engine/containerd.ts'
import type { EngineEvent } from '../../src/engine/engine.ts'
import { until } from '../helpers/command.ts'
import { type Containerd, containerdImage, startContainerd } from '../helpers/containerd.ts'
import { optionsOf, testEngine } from './compliance.ts'

testEngine(
  'containerd',
  async () => {
    const { socket, ctr, stop, restart, close } = await startContainerd()
    const start = async (name: string, options: readonly string[]) => {
      await ctr('default', 'run', '-d', ...options, containerdImage, name)
      return name
    }
    return {
      engine: containerdEngine(socket),
      start: (name, labels, variables, annotations) =>
        start(name, [
          ...optionsOf('--label', labels),
          ...optionsOf('--env', variables),
          ...optionsOf('--annotation', annotations),
        ]),
      stop: name => stop('default', name),
      restart: name => restart('default', name),
      pause: async name => void (await ctr('default', 'task', 'pause', name)),
      resume: async name => void (await ctr('default', 'task', 'resume', name)),
      async startBeside(name, other) {
        const [, pid] = new RegExp(`^${other}\\s+(\\d+)`, 'm').exec(await ctr('default', 'task', 'ls')) ?? []
        return start(name, ['--with-ns', `network:/proc/${pid}/ns/net`])
      },
      close,
    }
  },
  { addresses: true, pods: true },
)

describe('in the namespaces of containerd', () => {
  let containerd: Containerd
  beforeAll(async () => {
    containerd = await startContainerd()
  })
  afterAll(() => containerd?.close())
  const signal = () => AbortSignal.timeout(10_000)

  test('every container is found under its name and as the one it is, two of the same id too', async () => {
    const { ctr, pods, socket } = containerd
    const engine = containerdEngine(socket)
    await ctr('default', 'run', '-d', containerdImage, 'twin')
    await ctr('k8s.io', 'run', '-d', '--label', 'nerdctl/name=named', containerdImage, 'other')
    await ctr('k8s.io', 'run', '-d', containerdImage, 'twin')
    const sandbox = await pods.runPod('pod')
    const listed = await engine.containers(signal())
    expect(listed.map(({ name }) => name).sort()).toEqual(
      ['k8s.io/named', 'k8s.io/twin', `k8s.io/${sandbox}`, 'twin'].sort(),
    )
    const processes = await Promise.all(listed.map(({ id }) => engine.process(id, signal())))
    expect(processes).toEqual(listed.map(({ process }) => process))
    expect(new Set(processes.map(process => process?.pid)).size).toBe(4)
    expect(listed.find(({ name }) => name.endsWith(sandbox))?.id).toBe(sandbox)
  })

  test('the end of a process started later is not the end of the container', async () => {
    const { ctr, stop, socket } = containerd
    await ctr('default', 'run', '-d', containerdImage, 'busy')
    const events: EngineEvent[] = []
    const end = new AbortController()
    let isReady = false
    const ready = () => {
      isReady = true
    }
    const following = containerdEngine(socket).follow({ ready, event: event => void events.push(event) }, end.signal)
    await until('it follows', () => isReady)
    await ctr('default', 'task', 'exec', '--exec-id', 'later', 'busy', '/bin/true')
    await stop('default', 'busy')
    await until('the end is told', () => events.some(({ kind }) => kind === 'end'))
    end.abort()
    await following
    expect(events.filter(({ kind }) => kind === 'end')).toEqual([{ id: 'busy', kind: 'end' }])
  })
})
