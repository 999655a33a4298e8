/** `remora list --watch` while the host does its worst: in the end it says what a fresh list says, and said each thing once. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { end, must, run, sleep, start, until } from '../helpers/command.ts'
import { type Docker, image, startDocker } from '../helpers/docker.ts'
import { randomFrom } from '../helpers/random.ts'
import { environment, executable, remora, startRemora } from '../helpers/remora.ts'
import { seed } from '../helpers/seed.ts'

interface Event {
  readonly seq: number
  readonly event: 'appear' | 'change' | 'gone'
  readonly target: Record<string, unknown> & { readonly name: string; readonly reference: string; readonly pid: number }
}

let engine: Docker
let child: ChildProcess
const events: Event[] = []
beforeAll(async () => {
  engine = await startDocker()
  child = spawn(executable, ['list', '--watch', '--json'], { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] })
  if (child.stdout) createInterface(child.stdout).on('line', line => events.push(JSON.parse(line)))
  await until('the host has appeared', () => events.some(({ target }) => target.name === 'host'))
})
afterAll(async () => {
  if (child) await end(child, 'SIGINT')
  await engine?.close()
})

const about = (name: string) => events.filter(({ target }) => target.name === name).map(({ event }) => event)

/** The targets the events add up to, by name; fails when one appears twice or goes without having been there. */
function replay(prefix: string): Map<string, Event['target']> {
  const state = new Map<string, Event['target']>()
  const key = ({ id, reference, pid }: Event['target']) => `${id ?? reference} ${pid}`
  for (const { event, target } of events) {
    const known = state.has(key(target))
    expect([event, target.name, known]).toEqual([event, target.name, event !== 'appear'])
    if (event === 'gone') state.delete(key(target))
    else state.set(key(target), target)
  }
  return new Map([...state.values()].filter(({ name }) => name.startsWith(prefix)).map(target => [target.name, target]))
}

test('every kind of change is told as what it is', async () => {
  await engine.container('w-one')
  await until('it appears', () => about('w-one').includes('appear'))
  await engine.docker('pause', 'w-one')
  await until('it is paused', () => about('w-one').filter(event => event === 'change').length === 1)
  await engine.docker('unpause', 'w-one')
  await until('it runs again', () => about('w-one').filter(event => event === 'change').length === 2)
  await engine.docker('rename', 'w-one', 'w-two')
  await until('it is renamed', () => about('w-two').includes('change'))
  await engine.docker('restart', 'w-two')
  await until('it is another one', () => about('w-two').slice(1).join() === 'gone,appear')
  await engine.docker('kill', 'w-two')
  await until('it has died, though nobody stopped it', () => about('w-two').at(-1) === 'gone')
  await engine.docker('run', '--rm', '--name', 'w-short', image, 'true')
  await until('what lives for a moment is told', () => about('w-short').join() === 'appear,gone')
})

test('namespaces and processes without an engine are told', async () => {
  const name = `rt-watch-${process.pid}`
  await must('ip', 'netns', 'add', name)
  const alone = start(['unshare', '-n', 'sleep', '100'])
  await until('the namespace appears', () => about(`/run/netns/${name}`).join() === 'appear', 5_000)
  await until('the process appears', () => about(`sleep(${alone.pid})`).join() === 'appear', 5_000)
  await must('ip', 'netns', 'del', name)
  await end(alone.child)
  await until('the namespace goes', () => about(`/run/netns/${name}`).join() === 'appear,gone', 5_000)
  await until('the process goes', () => about(`sleep(${alone.pid})`).join() === 'appear,gone', 5_000)
})

test('an address that is given to a namespace is told', async () => {
  const alone = start(['unshare', '-n', 'sh', '-c', 'ip link set lo up; exec sleep 100'])
  const latest = () => events.findLast(({ target }) => target.pid === alone.pid)?.target
  await until('the process appears', () => latest() !== undefined, 5_000)
  const added = ['ip', 'address', 'add', '192.0.2.7/32', 'scope', 'global', 'dev', 'lo']
  await must('nsenter', `--net=/proc/${alone.pid}/ns/net`, ...added)
  await until('the address is told', () => String(latest()?.addresses).includes('192.0.2.7'), 15_000)
  await end(alone.child)
})

test('after 200 random starts, stops, kills, pauses, renames and engine restarts it says what a fresh list says', async () => {
  const random = randomFrom(seed)
  const live = new Map<string, 'running' | 'paused' | 'stopped'>()
  let made = 0
  const pick = (...states: string[]): string | undefined => {
    const names = [...live].filter(([, state]) => states.includes(state)).map(([name]) => name)
    return random.pick(names)
  }
  const actions: (() => Promise<unknown>)[] = [
    async () => {
      const name = `w-r${made++}`
      await engine.container(name)
      live.set(name, 'running')
    },
    () => onOne(pick('running'), 'stopped', 'stop'),
    () => onOne(pick('running'), 'stopped', 'kill'),
    () => onOne(pick('stopped'), 'running', 'start'),
    () => onOne(pick('running'), 'running', 'restart'),
    () => onOne(pick('running'), 'paused', 'pause'),
    () => onOne(pick('paused'), 'running', 'unpause'),
    async () => {
      const [name, renamed] = [pick('running', 'paused'), `w-r${made++}`]
      if (name === undefined) return
      await engine.docker('rename', name, renamed)
      live.set(renamed, live.get(name) ?? 'running')
      live.delete(name)
    },
  ]
  async function onOne(name: string | undefined, state: 'running' | 'paused' | 'stopped', action: string) {
    if (name === undefined) return
    await engine.docker(action, name)
    live.set(name, state)
  }
  for (let step = 0; step < 200; step++) {
    if (step % 70 === 69) await engine.restart()
    // Starts come more often than anything that ends, so that there is something to do.
    await actions[random.below(3) === 0 ? 0 : random.below(actions.length)]?.()
    if (live.size > 20) {
      const name = pick('stopped', 'running')
      if (name !== undefined) {
        await engine.docker('rm', '-f', name)
        live.delete(name)
      }
    }
  }
  const expected = () => [...live].flatMap(([name, state]) => (state === 'stopped' ? [] : name)).sort()
  const watchedNames = () => [...replay('w-r').keys()].sort()
  await until('the events have come', () => watchedNames().join() === expected().join()).catch(() => {})
  expect(watchedNames()).toEqual(expected())
  await sleep(1_500)
  const watched = replay('w-r')
  const { stdout } = await remora(['list', '--json', 'w-r'])
  const fresh = JSON.parse(stdout) as Event['target'][]
  expect(watched.size).toBe(fresh.length)
  for (const target of fresh) expect(watched.get(target.name)).toEqual(target)
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
}, 240_000)

describe('it ends', () => {
  test('when it is asked to, and when nobody reads', async () => {
    const watching = startRemora(['list', '--watch'])
    await until('it watches', () => watching.child.exitCode === null)
    await sleep(500)
    watching.child.kill('SIGINT')
    expect(await watching.result).toMatchObject({ status: 0, stderr: '' })
    const { status } = await run(['bash', '-c', `${executable} list --watch | head -1`], { env: environment() }, 10_000)
    expect(status).toBe(0)
  })
})
