/**
 * What a service knows of the host: told again without asking anybody while nothing has changed, and never when something has.
 * Others may use the machine at the same time, so a look that asks nobody is waited for; a change must show in the next look.
 */
import { readlinkSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type KnownHost, makeKnownHost } from '../../src/discover/list/known-host.ts'
import type { Target } from '../../src/model/target.ts'
import { end, must, type Running, run, start, until } from '../helpers/command.ts'
import { type FakeDocker, fakeDocker } from '../helpers/fake-docker.ts'
import { holdNamespace } from '../helpers/holder.ts'

let engine: FakeDocker
let host: KnownHost
const ended = new AbortController()
const running = new Map<string, Running>()
const named = `rt-known-${process.pid}`

/** A process in a network namespace of its own. */
async function startProcess(name: string): Promise<number> {
  const begun = start(['unshare', '--net', 'sleep', '1000'], {}, 600_000)
  running.set(name, begun)
  const own = readlinkSync('/proc/self/ns/net')
  await until('it is in its namespace', () => readlinkSync(`/proc/${begun.pid}/ns/net`) !== own)
  return begun.pid
}

async function startContainer(name: string): Promise<number> {
  const pid = await startProcess(name)
  engine.add({ name, pid })
  return pid
}

const find = async (reference: string): Promise<Target | undefined> =>
  (await host.look(true)).targets.find(target => target.reference === reference)

/** Waits until a look asks nobody. */
const settle = () =>
  until(
    'a look asks nobody',
    async () => {
      const before = engine.asked()
      await host.look(true)
      return engine.asked() === before
    },
    30_000,
  )

beforeAll(async () => {
  engine = await fakeDocker()
  host = makeKnownHost(ended.signal, engine.env)
  await startContainer('steady')
  await must('ip', 'netns', 'add', named)
})
afterAll(async () => {
  ended.abort()
  engine?.close()
  for (const { child } of running.values()) await end(child)
  await run(['ip', 'netns', 'del', named])
})

describe('a host that is known', () => {
  beforeEach(settle)

  test('asks an engine what it is once', async () => {
    const { engines } = await (await host.look(true)).facts()
    expect(engines).toContainEqual(expect.objectContaining({ engine: 'docker', id: 'fake', version: '1.2.3' }))
    // A container that starts makes the next look a new one.
    await startContainer('another')
    await (await host.look(true)).facts()
    expect(engine.askedAbout()).toBe(1)
  })

  test('shows a namespace that only a descriptor keeps once it was looked for behind an answer, and only while it is kept', async () => {
    const { holder, inode } = await holdNamespace('descriptor')
    running.set('holder', holder)
    const other = makeKnownHost(ended.signal, engine.env)
    const isShown = async () => (await other.look(true)).targets.some(({ netns }) => netns === inode)
    await until('it is shown', isShown, 30_000)
    await end(holder.child)
    expect(await isShown()).toBe(false)
  })

  test('shows a container that starts, and leaves out one that has ended', async () => {
    const pid = await startContainer('fleeting')
    expect(await find('docker:fleeting')).toMatchObject({ pid, type: 'docker' })
    await settle()
    const { child } = running.get('fleeting') as Running
    await end(child)
    engine.remove('fleeting')
    expect(await find('docker:fleeting')).toBeUndefined()
  })

  test('shows what an engine tells of a container that goes on', async () => {
    await startContainer('before')
    await find('docker:before')
    await settle()
    engine.rename('before', 'after')
    await until('the new name is shown', async () => (await find('docker:after')) !== undefined)
    expect(await find('docker:before')).toBeUndefined()
  })

  test('shows a process that comes, and leaves out one that has gone', async () => {
    const pid = await startProcess('alone')
    const isThere = async () => (await host.look(true)).targets.some(target => target.pid === pid)
    expect(await isThere()).toBe(true)
    await settle()
    await end((running.get('alone') as Running).child)
    expect(await isThere()).toBe(false)
  })

  test('shows addresses and interfaces as they change, with a process in the namespace', async () => {
    const { pid = 0 } = running.get('steady') ?? {}
    const inside = ['nsenter', `--net=/proc/${pid}/ns/net`, 'ip']
    const facts = async () => {
      const target = await find('docker:steady')
      return { interfaces: target?.interfaces, addresses: target?.addresses }
    }
    expect(await facts()).toEqual({ interfaces: [], addresses: [] })
    await must(...inside, 'link', 'set', 'lo', 'up')
    expect(await facts()).toEqual({ interfaces: ['lo'], addresses: [] })
    await must(...inside, 'address', 'add', '198.51.100.7/32', 'dev', 'lo')
    expect(await facts()).toEqual({ interfaces: ['lo'], addresses: ['198.51.100.7'] })
    await must(...inside, 'link', 'add', 'br7', 'type', 'bridge')
    await must(...inside, 'link', 'set', 'br7', 'up')
    await must(...inside, 'address', 'add', '2001:db8::7/128', 'dev', 'lo')
    expect((await facts()).addresses).toEqual(['198.51.100.7', '2001:db8::7'])
    await must(...inside, 'address', 'del', '198.51.100.7/32', 'dev', 'lo')
    expect((await facts()).addresses).toEqual(['2001:db8::7'])
  })

  test('shows a name that comes, its addresses without a process in it, and its end', async () => {
    const reference = `named:${named}`
    expect((await find(reference))?.addresses).toEqual([])
    await must('ip', '-n', named, 'link', 'set', 'lo', 'up')
    await must('ip', '-n', named, 'address', 'add', '198.51.100.8/32', 'dev', 'lo')
    await until('the address is shown', async () => (await find(reference))?.addresses[0] === '198.51.100.8')
    await must('ip', 'netns', 'del', named)
    expect(await find(reference)).toBeUndefined()
    await must('ip', 'netns', 'add', named)
    expect(await find(reference)).toMatchObject({ addresses: [] })
  })
})
