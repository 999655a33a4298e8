/**
 * Numbers that a user of the host chooses: containers of an engine, sockets of a process that is named like one. What is too
 * much is left out and told of, the event loop goes on, and memory stays small.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterEach, describe, expect, test } from 'vitest'
import { mapLimit } from '../../src/base/map-limit.ts'
import { discover } from '../../src/discover/list/discover.ts'
import { dockerApiEngine } from '../../src/engine/docker-api.ts'
import { lookForEngines } from '../../src/engine/engines.ts'
import { readNamespaceInode } from '../../src/linux/process/proc.ts'
import { startCapture } from '../helpers/capture.ts'
import { end, type Running, run, start, until } from '../helpers/command.ts'
import { dumpcapsIn, processesWith, untilReading } from '../helpers/leaks.ts'
import { environment, remora, startRemora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

const program = join(import.meta.dirname, '../helpers/hostile-engine.ts')
const running: Running[] = []
const made: string[] = []
afterEach(async () => {
  for (const { child } of running.splice(0)) await end(child)
  if (made.length > 0) await inBatch(made.splice(0).map(name => `netns del ${name}`))
})

/** Has ip(8) run lines, in one process. */
async function inBatch(lines: readonly string[], ...options: string[]): Promise<void> {
  const { child, result } = start(['ip', ...options, '-batch', '-'], { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin?.end(`${lines.join('\n')}\n`)
  const { status, stderr } = await result
  if (status !== 0) throw new Error(stderr)
}

/** Starts an engine in a PID namespace of its own, so that its numbers must be translated; its folder. */
async function claim(containers: number, sockets: number): Promise<string> {
  const folder = scratch()
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', program, folder]
  const enter = ['unshare', '--pid', '--fork', '--kill-child']
  running.push(start([...enter, ...command, String(containers), String(sockets)], {}, 600_000))
  await until('its last socket is there', () => existsSync(join(folder, `${sockets - 1}.sock`)), 30_000)
  return folder
}

const signal = new AbortController().signal
/** Milliseconds an engine has on a machine that is busy with something else. */
const patience = 20_000

/** Longest delay of the event loop while something runs, ms. */
async function delayOf(action: () => Promise<unknown>): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 10 })
  histogram.enable()
  await action()
  histogram.disable()
  return histogram.max / 1e6
}

describe('an engine that tells of', () => {
  test('3,999 containers without processes costs seconds, and the event loop goes on', async () => {
    const folder = await claim(3_999, 1)
    const env = { ...process.env, DOCKER_HOST: `unix://${join(folder, '0.sock')}` }
    let found: Awaited<ReturnType<typeof discover>> | undefined
    const began = performance.now()
    const delay = await delayOf(async () => {
      found = await discover({ signal, timeout: patience, interfaces: false, env })
    })
    expect(performance.now() - began).toBeLessThan(patience)
    expect(delay).toBeLessThan(1_000)
    expect(found?.warnings).toContainEqual(expect.stringMatching(/3999 containers without a process: only 256/))
    expect(found?.targets.filter(({ name }) => name.startsWith('claimed-'))).toHaveLength(3_999)
    // Its own process is the host's, though it is the first of its namespace.
    expect(found?.targets.find(({ name }) => name === 'claimed-0')?.pid).toBeGreaterThan(1)
  })

  test('20,000 is left out, in little memory', async () => {
    const folder = await claim(20_000, 1)
    const env = { ...environment(), DOCKER_HOST: `unix://${join(folder, '0.sock')}` }
    const script = `
import { discover } from '${join(import.meta.dirname, '../../src/discover/list/discover.ts')}'
      const signal = new AbortController().signal
      console.log((await discover({ signal, timeout: ${patience}, interfaces: false })).warnings.join('\\n'))
    `
    const node = [process.execPath, '--max-old-space-size=128', '--input-type=module', '--eval', script]
    const { status, stdout } = await run(node, { env })
    expect(stdout).toMatch(/tells of more than 4000 containers/)
    expect(status).toBe(0)
  })
})

test('of a process that listens on 1,000 sockets a few are asked', async () => {
  const folder = await claim(0, 1_000)
  const { engines, leftOut } = lookForEngines()
  expect(engines.filter(({ address }) => address.startsWith(folder))).toHaveLength(16)
  expect(leftOut).toContainEqual(expect.stringMatching(/dockerd\(\d+\) listens on more than 16 sockets/))
})

test('of processes that listen on 144 sockets together 128 are asked, and it is told', async () => {
  await mapLimit(Array.from({ length: 9 }), 3, () => claim(0, 16))
  const { engines, leftOut } = lookForEngines()
  expect(engines).toHaveLength(128)
  expect(leftOut).toContainEqual(expect.stringMatching(/sockets may be those of engines: only 128 of them are asked/))
}, 120_000)

test('an aborted signal opens no connection', async () => {
  const socket = join(scratch(), 'engine.sock')
  let connections = 0
  const server = createServer(() => connections++).listen(socket)
  await once(server, 'listening')
  const engine = dockerApiEngine('docker', socket)
  const aborted = AbortSignal.abort(new Error('enough'))
  await expect(engine.containers(aborted)).rejects.toThrow('enough')
  await expect(engine.process('x', aborted)).rejects.toThrow('enough')
  await engine.follow({ ready() {}, event() {} }, aborted)
  // A connection that was under way would have been taken by now: this one comes behind it.
  const last = connect(socket)
  await until('the last connection is there', () => connections > 0)
  last.destroy()
  server.close()
  expect(connections).toBe(1)
})

/**
 * Lines for ip(8) that make interfaces which are up, an even number of them. They are veth pairs: for each bridge that goes with its
 * namespace the kernel waits for RCU, and everybody else on the machine for the kernel (rcu_barrier in net/bridge/br_multicast.c).
 */
function linksUp(count: number): string[] {
  return Array.from({ length: count / 2 }, (_, index) => [
    `link add d${2 * index} up type veth peer name d${2 * index + 1}`,
    `link set d${2 * index + 1} up`,
  ]).flat()
}

/** Makes namespaces with two interfaces each, lo and an end of a veth pair; their references. */
async function makeNamespaces(count: number): Promise<string[]> {
  const base = `rt-${randomBytes(4).toString('hex')}`
  const names = Array.from({ length: count }, (_, index) => `${base}-${index}`)
  made.push(...names)
  await inBatch(names.map(name => `netns add ${name}`))
  const lines = ['link set lo up', 'link add eth0 up type veth peer name lower']
  await mapLimit(names, 4, name => inBatch(lines, '-n', name))
  return names.map(name => `named:${name}`)
}

const inodeOf = (reference: string) => statSync(`/run/netns/${reference.slice('named:'.length)}`).ino

describe('a capture of', () => {
  test('150 targets with two interfaces each has 150 processes, and says why', async () => {
    const references = await makeNamespaces(150)
    const file = join(scratch(), 'many.pcapng')
    const { child, result } = startRemora(['capture', ...references, '-w', file, '--json'])
    for (const reference of references) await untilReading(inodeOf(reference))
    expect(
      processesWith('dumpcap').filter(pid => references.map(inodeOf).includes(readNamespaceInode(pid, 'net') ?? 0)),
    ).toHaveLength(150)
    child.kill('SIGINT')
    const { status, stdout, stderr } = await result
    expect([status, JSON.parse(stdout).complete]).toEqual([0, true])
    expect(stderr).toMatch(/^2 interfaces of .* are up: any is captured in place of each/)
    expect(stderr).toContain('... and the same of 147 more targets\n')
  })

  test('257 targets is refused before anything is looked at, with the ways to stay within the bound', async () => {
    const references = await makeNamespaces(257)
    const file = join(scratch(), 'many.pcapng')
    const { status, stderr } = await remora(['capture', ...references, '-w', file])
    expect([status, stderr, existsSync(file)]).toEqual([
      9,
      expect.stringMatching(
        /^remora: LIMIT: 257 targets are too many .*: at most 256 .*\nhint: Name fewer targets, .* -i any\.\n$/,
      ),
      false,
    ])
  })

  test('a target with 1,000 interfaces is armed within 5 s, and says what it does', async () => {
    const [reference = ''] = await makeNamespaces(1)
    await inBatch(linksUp(1_000), '-n', reference.slice('named:'.length))
    const began = performance.now()
    const { child, result } = startRemora(['capture', reference, '-w', join(scratch(), 'wide.pcapng')])
    await untilReading(inodeOf(reference))
    expect(performance.now() - began).toBeLessThan(5_000)
    child.kill('SIGINT')
    expect((await result).stderr).toMatch(/^1002 interfaces of .* are up: any is captured in place of each/)
  })

  test('a target whose interfaces are as many as are captured one by one tells of the next', async () => {
    const [reference = ''] = await makeNamespaces(1)
    const inTarget = ['-n', reference.slice('named:'.length)]
    await inBatch(linksUp(62), ...inTarget)
    const capture = startCapture([reference, '--direction', '-w', join(scratch(), 'full.pcapng')])
    await capture.armed()
    expect(dumpcapsIn(inodeOf(reference))).toHaveLength(64)
    await inBatch(['link set lower up'], ...inTarget)
    const line = /^more interfaces of \S+ are up than can be captured one by one \(64, fewer among several targets\): /m
    await until('it is told', () => line.test(capture.stderr()))
    capture.child.kill('SIGINT')
    expect((await capture.result).status).toBe(0)
  })
})
