/**
 * What every engine must do, whatever its API: one suite, run against the real engine. A bench brings the engine up and
 * makes containers in it; the suite never sees the engine's own client.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openContainer } from '../../src/discover/containers.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { readNamespaceInode } from '../../src/linux/proc.ts'
import { until } from '../helpers/command.ts'
import { descriptorCount } from '../helpers/leaks.ts'

export interface EngineBench {
  readonly engine: Engine
  /** Starts a container with labels; its full id. */
  start(name: string, labels?: Record<string, string>): Promise<string>
  stop(name: string): Promise<void>
  restart(name: string): Promise<void>
  pause(name: string): Promise<void>
  resume(name: string): Promise<void>
  /** Starts a container in the network of another one. */
  startBeside(name: string, other: string): Promise<string>
  close(): Promise<void>
}

const signal = () => AbortSignal.timeout(10_000)

export function testEngine(kind: string, makeBench: () => Promise<EngineBench>): void {
  describe(`${kind} complies`, () => {
    let bench: EngineBench
    let engine: Engine
    beforeAll(async () => {
      bench = await makeBench()
      engine = bench.engine
    })
    afterAll(() => bench?.close())

    const listed = async (name: string) =>
      (await engine.containers(signal())).find(container => container.name === name)

    test('lists a running container with name, id, image, labels, address and time', async () => {
      const before = Math.floor(Date.now() / 1000)
      const id = await bench.start('plain', { app: 'web', 'odd.key/…': 'odd = value }{' })
      const container = await listed('plain')
      expect(container).toMatchObject({ engine: engine.name, id, name: 'plain', prefix: '', state: 'running' })
      expect(container?.labels).toMatchObject({ app: 'web', 'odd.key/…': 'odd = value }{' })
      expect(container?.image).not.toBe('')
      expect(container?.addresses).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/)])
      expect(Math.abs((container?.created ?? 0) - before)).toBeLessThan(60)
    })

    test('lists the newest first', async () => {
      await bench.start('older')
      await new Promise(resolve => setTimeout(resolve, 1_100))
      await bench.start('newer')
      const names = (await engine.containers(signal())).map(({ name }) => name)
      expect(names.indexOf('newer')).toBeLessThan(names.indexOf('older'))
    })

    test('tells the process, and another incarnation after a restart', async () => {
      const id = await bench.start('restarted')
      const before = await engine.process(id, signal())
      expect(readNamespaceInode(before?.pid ?? 0, 'net')).toBeGreaterThan(0)
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

    test('a paused container stays listed and can be opened', async () => {
      await bench.start('paused')
      await bench.pause('paused')
      const container = await listed('paused')
      expect(container?.state).toBe('paused')
      if (container === undefined) return
      const namespace = await openContainer(engine, container, signal())
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
        const namespace = await openContainer(engine, container, signal())
        inodes.push(namespace.inode)
        namespace.close()
      }
      expect(inodes[0]).toBe(inodes[1])
    })

    test('a container restarted between listing and opening is opened in its new namespace', async () => {
      const id = await bench.start('moved')
      const container = await listed('moved')
      const before = await engine.process(id, signal())
      const oldInode = readNamespaceInode(before?.pid ?? 0, 'net')
      await bench.restart('moved')
      if (container === undefined) throw new Error('not listed')
      const namespace = await openContainer(engine, container, signal())
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

    test('an answer that is asked for too late is given up', async () => {
      await expect(engine.containers(AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late')
    })
  })
}
