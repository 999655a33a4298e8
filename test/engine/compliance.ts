/**
 * What every engine must do, whatever its API: one suite, run against the real engine. A bench brings the engine up and
 * makes containers in it; the suite never sees the engine's own client.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openContainer } from '../../src/discover/list/container-namespace.ts'
import { withConfiguration } from '../../src/discover/resolve/configuration.ts'
import { askAbout } from '../../src/engine/about.ts'
import type { Container, Engine, EngineEvent } from '../../src/engine/engine.ts'
import { readNamespaceInode } from '../../src/linux/process/proc.ts'
import { containerScheme } from '../../src/reference/schemes.ts'
import { until } from '../helpers/command.ts'
import { descriptorCount } from '../helpers/leaks.ts'

export interface EngineBench {
  readonly engine: Engine
  /** Starts a container with labels, variables in its environment, and annotations; its full id. */
  start(
    name: string,
    labels?: Record<string, string>,
    variables?: Record<string, string>,
    annotations?: Record<string, string>,
  ): Promise<string>
  stop(name: string): Promise<void>
  restart(name: string): Promise<void>
  pause(name: string): Promise<void>
  resume(name: string): Promise<void>
  /** Starts a container in the network of another one. */
  startBeside(name: string, other: string): Promise<string>
  /** Starts containers in a pod of their own, where there are pods. */
  startPod?(pod: string, names: readonly string[]): Promise<void>
  close(): Promise<void>
}

/**
 * What an engine may not have. `id`: it has an id that stays the same; `empty`: it keeps variables without a value;
 * `annotations`: its containers have some in their configuration; `addresses`: it knows those of its containers; `pause`: it can
 * pause them, and says so; `restart`: a container keeps its id over a restart; `pods`: it groups containers.
 */
type Ability = 'id' | 'empty' | 'annotations' | 'addresses' | 'pause' | 'restart' | 'pods'

/** An option of a command line for each pair. */
export function optionsOf(option: string, pairs: Record<string, string> = {}): string[] {
  return Object.entries(pairs).flatMap(([key, value]) => [option, `${key}=${value}`])
}

const signal = () => AbortSignal.timeout(10_000)

export function testEngine(
  kind: string,
  makeBench: () => Promise<EngineBench>,
  lacks: Partial<Record<Ability, true>> = {},
): void {
  describe(`${kind} complies`, () => {
    let bench: EngineBench
    let engine: Engine
    beforeAll(async () => {
      bench = await makeBench()
      engine = bench.engine
    })
    afterAll(() => bench?.close())

    /** A test of what this engine may lack. */
    const testOf = (ability: Ability) => (lacks[ability] ? () => {} : test)

    test('it says what it is, and the same again', async () => {
      const about = await askAbout(engine, signal())
      expect(about).toEqual({
        id: lacks.id ? '' : expect.stringMatching(/^[\w:-]{32,}$/),
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      })
      expect(await askAbout(engine, signal())).toEqual(about)
    })

    const listed = async (name: string) =>
      (await engine.containers(signal(), { addresses: true })).find(container => container.name === name)

    const namespaceOf = async (container: Container) => {
      const { namespace, process } = await openContainer(engine, container, signal())
      namespace.close()
      expect(process.startedAt ?? '2000-01-01T00:00:00Z').toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      return namespace.inode
    }

    /** What is told while something happens, until it has been told of it. */
    const told = async (
      happens: () => Promise<void>,
      enough: (events: readonly EngineEvent[]) => boolean | Promise<boolean>,
    ) => {
      const events: EngineEvent[] = []
      const stop = new AbortController()
      let isReady = false
      const ready = () => {
        isReady = true
      }
      const following = engine.follow({ ready, event: event => void events.push(event) }, stop.signal)
      try {
        await Promise.race([following, until('it follows', () => isReady)])
        await happens()
        await until('it is told', () => enough(events))
      } finally {
        stop.abort()
      }
      await following
      return events
    }

    test('lists a running container with name, id, image, labels, address and time', async () => {
      const before = Math.floor(Date.now() / 1000)
      const id = await bench.start('plain', { app: 'web', 'odd.key/…': 'odd = value }{' })
      const container = await listed('plain')
      expect(container).toMatchObject({ engine: engine.name, id, name: 'plain', prefix: '', state: 'running' })
      expect(container?.labels).toMatchObject({ app: 'web', 'odd.key/…': 'odd = value }{' })
      expect(container?.image).not.toBe('')
      const address = expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/)
      expect(container?.addresses).toEqual(lacks.addresses ? [] : [address])
      expect(Math.abs((container?.created ?? 0) - before)).toBeLessThan(60)
    })

    test('tells the environment a container is configured with, and none of one that never was', async () => {
      const id = await bench.start('configured', {}, { STAGE: 'te st=1', EMPTY: '' })
      const { environment } = (await engine.configuration?.(id, signal())) ?? {}
      expect(environment).toEqual(expect.arrayContaining(['STAGE=te st=1', ...(lacks.empty ? [] : ['EMPTY='])]))
      expect(await engine.configuration?.('f'.repeat(64), signal())).toEqual({ environment: [], annotations: {} })
    })

    testOf('annotations')('a container is found by its annotation', async () => {
      const id = await bench.start('annotated', {}, {}, { 'example.org/team': 'shop = 1' })
      await bench.start('annotated-too', {}, {}, { 'example.org/team': 'shop' })
      const wanted = { environment: new Set<string>(), annotations: new Set(['example.org/team=shop = 1']) }
      const answers = [{ engine, containers: await engine.containers(signal()) }]
      const told = await withConfiguration(answers, wanted, signal())
      const reference = { scheme: 'annotation', key: 'example.org/team', value: 'shop = 1' } as const
      const found = containerScheme(reference).match(reference, told[0]?.containers ?? [])
      expect(found.map(container => container.id)).toEqual([id])
    })

    test('lists the newest first', async () => {
      await bench.start('older')
      await new Promise(resolve => setTimeout(resolve, 1_100))
      await bench.start('newer')
      const names = (await engine.containers(signal())).map(({ name }) => name)
      expect(names.indexOf('newer')).toBeLessThan(names.indexOf('older'))
    })

    test('tells the process, in a list the same as by itself', async () => {
      const id = await bench.start('process')
      const process = await engine.process(id, signal())
      expect(readNamespaceInode(process?.pid ?? 0, 'net')).toBeGreaterThan(0)
      for (const container of await engine.containers(signal())) {
        if (container.process === undefined) continue
        expect(await engine.process(container.id, signal())).toMatchObject(container.process)
      }
    })

    testOf('restart')('tells another incarnation after a restart', async () => {
      const id = await bench.start('restarted')
      const before = await engine.process(id, signal())
      await bench.restart('restarted')
      const after = await engine.process(id, signal())
      expect(after?.incarnation).not.toBe(before?.incarnation)
    })

    test('a stopped container is neither listed nor has a process; nor has one that never was', async () => {
      const id = await bench.start('stopped')
      await bench.stop('stopped')
      expect(await listed('stopped')).toBeUndefined()
      expect(await engine.process(id, signal())).toBeUndefined()
      expect(await engine.process('f'.repeat(64), signal())).toBeUndefined()
    })

    testOf('pause')('a paused container stays listed and can be opened', async () => {
      await bench.start('paused')
      await bench.pause('paused')
      const container = await listed('paused')
      expect(container?.state).toBe('paused')
      if (container === undefined) return
      const { namespace } = await openContainer(engine, container, signal())
      expect(namespace.inode).toBeGreaterThan(0)
      namespace.close()
      await bench.resume('paused')
    })

    test('containers that share a network lead to the same namespace', async () => {
      await bench.start('owner')
      await bench.startBeside('guest', 'owner')
      const inodes: number[] = []
      for (const name of ['owner', 'guest']) {
        const container = await listed(name)
        if (container === undefined) throw new Error(`${name} is not listed`)
        inodes.push(await namespaceOf(container))
      }
      expect(inodes[0]).toBe(inodes[1])
    })

    testOf('restart')('a container restarted between listing and opening is opened in its new namespace', async () => {
      const id = await bench.start('moved')
      const container = await listed('moved')
      const before = await engine.process(id, signal())
      const oldInode = readNamespaceInode(before?.pid ?? 0, 'net')
      await bench.restart('moved')
      if (container === undefined) throw new Error('not listed')
      const { namespace } = await openContainer(engine, container, signal())
      const now = await engine.process(id, signal())
      expect(namespace.inode).toBe(readNamespaceInode(now?.pid ?? 0, 'net'))
      expect(namespace.process?.pid).toBe(now?.pid)
      expect([oldInode, before?.pid]).not.toEqual([namespace.inode, now?.pid])
      namespace.close()
    })

    test('a container stopped between listing and opening is not found, and no descriptor stays open', async () => {
      await bench.start('vanished')
      const container = await listed('vanished')
      await bench.stop('vanished')
      if (container === undefined) throw new Error('not listed')
      const before = descriptorCount()
      await expect(openContainer(engine, container, signal())).rejects.toMatchObject({ code: 'TARGET_NOT_FOUND' })
      await until('every descriptor is closed', () => descriptorCount() === before)
    })

    testOf('pods')('the containers of a pod have one pod, one sandbox, and one namespace', async () => {
      await bench.startPod?.('shop', ['front', 'back'])
      const found = (await engine.containers(signal())).filter(({ pod }) => /(^|\/)shop$/.test(pod?.name ?? ''))
      expect(found.filter(({ pod }) => !pod?.sandbox).map(({ name }) => name)).toEqual(
        expect.arrayContaining(['front', 'back']),
      )
      expect(found.filter(({ pod }) => pod?.sandbox)).toHaveLength(1)
      expect(new Set(found.map(({ pod }) => pod?.id)).size).toBe(1)
      expect(new Set(await Promise.all(found.map(namespaceOf))).size).toBe(1)
    })

    test('tells of a start', async () => {
      let id = ''
      const start = async () => {
        id = await bench.start('started')
      }
      await told(start, events => events.some(event => event.id === id && event.kind === 'start'))
    })

    test('whoever looks only when told finds what was started', async () => {
      let looks = 0
      let found: Container | undefined
      const start = async () => void (await bench.start('wanted'))
      await told(start, async events => {
        if (events.length === looks) return false
        looks = events.length
        found = await listed('wanted')
        return found !== undefined
      })
      expect(found?.name).toBe('wanted')
    })

    test('tells of an end that nobody asked for', async () => {
      const id = await bench.start('crashed')
      const { pid = 0 } = (await engine.process(id, signal())) ?? {}
      const events = await told(
        async () => void process.kill(pid, 'SIGKILL'),
        all => all.some(event => event.id === id && event.kind === 'end'),
      )
      expect(events.filter(event => event.id === id && event.kind === 'start')).toEqual([])
      await until('it is no longer listed', async () => (await listed('crashed')) === undefined)
    })

    testOf('pause')('tells of a pause and its end as changes', async () => {
      const id = await bench.start('changed')
      const changes = (events: readonly EngineEvent[]) =>
        events.filter(event => event.id === id && event.kind === 'change').length
      const events = await told(
        () => bench.pause('changed').then(() => bench.resume('changed')),
        all => changes(all) >= 2,
      )
      expect(events.filter(event => event.id === id && event.kind === 'end')).toEqual([])
    })

    test('follows until told to stop, and not at all when it already was', async () => {
      const never = { ready: () => {}, event: () => {} }
      await engine.follow(never, AbortSignal.timeout(300))
      await expect(engine.follow(never, AbortSignal.abort())).resolves.toBeUndefined()
    })

    test('an answer that is asked for too late is given up', async () => {
      await expect(engine.containers(AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late')
    })
  })
}
