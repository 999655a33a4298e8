/**
 * One host with everything on it: every network stack is listed once, under the name its owner calls it by, and captured
 * by the reference that is listed with it.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packetsOf } from '../helpers/capture-file.ts'
import { end, must, type Running, run, start, until } from '../helpers/command.ts'
import { type Containerd, containerdImage, startContainerd } from '../helpers/containerd.ts'
import { type Docker, startDocker } from '../helpers/docker.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { type Podman, podmanImage, startPodman } from '../helpers/podman.ts'
import { executable, remora, startRemora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

let docker: Docker
let podman: Podman
let containerd: Containerd
let pair: NetnsPair
let alone: Running
let sandbox: string
let env: NodeJS.ProcessEnv
const closing: (() => unknown)[] = []

beforeAll(async () => {
  docker = await startDocker()
  closing.push(() => docker.close())
  podman = await startPodman()
  closing.push(() => podman.close())
  containerd = await startContainerd()
  closing.push(() => containerd.close())
  // Nothing says where they are: they are found by their processes.
  env = {}
  await docker.container('d-web', ['--label', 'app=shop'])
  await docker.container('d-guest', ['--network', 'container:d-web'])
  await docker.container('d-none', ['--network', 'none'])
  await docker.container('d-host', ['--network', 'host'])
  await podman.podman('run', '-d', '--name', 'p-web', podmanImage)
  await podman.podman('pod', 'create', '--name', 'p-pod', '--label', 'tier=back')
  for (const name of ['p-one', 'p-two']) await podman.podman('run', '-d', '--pod', 'p-pod', '--name', name, podmanImage)
  await containerd.ctr('default', 'run', '-d', containerdImage, 'c-web')
  sandbox = await containerd.pods.runPod('k-pod', { app: 'shop' })
  for (const name of ['k-one', 'k-two']) await containerd.pods.runContainer(sandbox, name)
  pair = await makeNetnsPair()
  closing.push(() => pair.close())
  alone = start(['unshare', '-n', 'sleep', '1000'], {}, 1_000_000)
  closing.push(() => end(alone.child))
  await until('the process has its namespace', () => netnsOf(alone.pid) !== netnsOf('self'))
}, 180_000)
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

function netnsOf(pid: number | string): number {
  return Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[0])
}

interface Listed {
  readonly name: string
  readonly type: string
  readonly pid: number
  readonly starttime: number
  readonly netns: number
  readonly reference: string
  readonly prefix: string
  readonly 'network-interfaces': readonly string[]
  readonly 'shared-with'?: readonly string[]
  readonly containers?: readonly { name: string; pid: number; sandbox: boolean }[]
}

async function list(...args: string[]): Promise<Listed[]> {
  const { stdout, stderr, status } = await remora(['list', '--json', ...args], { env })
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout)
}

/** What is the tests' own, whatever else runs on the machine. */
async function ownList(): Promise<Map<string, Listed>> {
  const own = (await list()).filter(({ name }) => /^[dpck]-|^lab\/|^sleep\(/.test(name) || name.includes(pair.receiver))
  expect(new Set(own.map(({ name }) => name)).size, 'each is listed once').toBe(own.length)
  return new Map(own.map(target => [target.name, target]))
}

describe('every network stack of the host', () => {
  test('is listed once, with type, name, process, start time and interfaces', async () => {
    const found = await ownList()
    const alones = `sleep(${alone.pid})`
    expect([...found.keys()].sort()).toEqual(
      [
        ...['d-web', 'd-guest', 'd-none', 'd-host', 'p-web', 'p-pod', 'c-web', 'lab/k-pod'],
        ...[`/run/netns/${pair.receiver}`, alones],
      ].sort(),
    )
    const type = (name: string) => found.get(name)?.type
    expect(['d-web', 'p-web', 'p-pod', 'c-web', 'lab/k-pod', alones, `/run/netns/${pair.receiver}`].map(type)).toEqual([
      'docker',
      'podman',
      'pod',
      'containerd',
      'pod',
      'proc',
      'bindmount',
    ])
    for (const { name, pid, starttime, netns } of found.values()) {
      if (pid === 0) continue
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      expect([name, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])]).toEqual([name, starttime])
      expect([name, netnsOf(pid)]).toEqual([name, netns])
    }
    expect(found.get('d-web')?.pid).toBe(Number(await docker.docker('inspect', '-f', '{{.State.Pid}}', 'd-web')))
    expect(found.get('p-web')?.pid).toBe(Number(await podman.podman('inspect', '-f', '{{.State.Pid}}', 'p-web')))
    const nifs = (name: string) => found.get(name)?.['network-interfaces']
    expect([nifs('d-web'), nifs('p-web'), nifs('p-pod'), nifs('lab/k-pod'), nifs('d-none')]).toEqual([
      ...[['lo', 'eth0'], ['lo', 'eth0'], ['lo', 'eth0'], ['lo', 'eth0'], ['lo']],
    ])
  })

  test('tells who shares it', async () => {
    const found = await ownList()
    expect(found.get('d-web')?.['shared-with']).toEqual(['docker:d-guest'])
    expect(found.get('d-guest')?.['shared-with']).toEqual(['docker:d-web'])
    const members = (name: string) => found.get(name)?.containers?.map(member => member.name)
    expect(members('p-pod')?.slice(0, 2).sort()).toEqual(['p-one', 'p-two'])
    expect(members('lab/k-pod')?.slice(0, 2).sort()).toEqual(['k-one', 'k-two'])
    expect(found.get('lab/k-pod')?.containers?.[2]).toMatchObject({ name: sandbox, sandbox: true })
    const { stdout } = await remora(['list', 'd-web', 'd-guest'], { env })
    expect(stdout).toMatch(/^d-web +docker +running +lo eth0 .*\n└ d-guest +docker +running/m)
  })

  test('is captured by the reference that is listed with it', async () => {
    for (const { name, reference, netns } of (await ownList()).values()) {
      const { stdout, stderr, status } = await remora(['capture', reference, '--dry-run', '--json', '-i', 'any'], {
        env,
      })
      expect([name, status, stderr]).toEqual([name, 0, ''])
      expect([name, JSON.parse(stdout).netns]).toEqual([name, netns])
    }
  })

  test('is found by every other reference there is for it', async () => {
    const found = await ownList()
    const netns = (name: string) => found.get(name)?.netns
    const expected: [string, number | undefined][] = [
      ['d-web', netns('d-web')],
      ['docker:d-guest', netns('d-web')],
      ['podman:p-one', netns('p-pod')],
      ['pod:p-pod', netns('p-pod')],
      ['label:tier=back', netns('p-pod')],
      ['containerd:c-web', netns('c-web')],
      ['cri:k-one', netns('lab/k-pod')],
      ['container:k-two', netns('lab/k-pod')],
      [`cri:${sandbox.slice(0, 12)}`, netns('lab/k-pod')],
      ['pod:lab/k-pod', netns('lab/k-pod')],
      [`netns:${netns('d-none')}`, netns('d-none')],
      [`pid:${alone.pid}`, netnsOf(alone.pid)],
      [`file:/proc/${alone.pid}/ns/net`, netnsOf(alone.pid)],
      ['process:sleep', undefined],
      ['host', netnsOf('self')],
    ]
    for (const [reference, inode] of expected) {
      const { stdout, stderr, status } = await remora(['capture', reference, '--dry-run', '--json', '-i', 'any'], {
        env,
      })
      if (inode === undefined)
        expect([reference, status, stderr]).toEqual([reference, 3, expect.stringMatching(/^remora: TARGET_AMBIGUOUS/)])
      else expect([reference, status, JSON.parse(stdout || '{}').netns]).toEqual([reference, 0, inode])
    }
  })

  test('is refused with the names that are near', async () => {
    const error = async (reference: string) => (await remora(['capture', reference, '-w', '-'], { env })).stderr
    expect(await error('pod:lab/k-pot')).toMatch(/TARGET_NOT_FOUND: .*\nhint: Did you mean lab\/k-pod/)
    expect(await error('lab/k-pod')).toMatch(/TARGET_NOT_FOUND: .*\nhint: Did you mean pod:lab\/k-pod/)
    expect(await error('d-wbe')).toMatch(/hint: Did you mean d-web/)
    expect(await error(`pid:${alone.pid}@1`)).toMatch(/TARGET_STALE/)
  })

  test('may be several, of several engines', async () => {
    const { stdout } = await remora(['capture', 'label:app=shop', '--dry-run', '--json'], { env })
    const { route, sources } = JSON.parse(stdout)
    expect(route).toBe('woven')
    expect(sources.map(({ reference }: { reference: string }) => reference).sort()).toEqual(
      expect.arrayContaining(['docker:d-web', 'pod:lab/k-pod']),
    )
  })

  test('is offered in the dialog of Wireshark: pods, when pods are ticked', async () => {
    const step = ['--extcap-config', '--extcap-interface', 'remora', '--extcap-reload-option', 'target', '--showpods']
    const { stdout } = await remora(step, { env })
    const values = [...stdout.matchAll(/\{value=([^}]*)\}/g)].map(match => match[1])
    expect(values).toEqual(expect.arrayContaining(['', 'pod:lab/k-pod', 'pod:p-pod']))
    expect(values.every(value => value === '' || value?.startsWith('pod:'))).toBe(true)
  })

  test('is captured: packets of a pod, by its name', async () => {
    const file = join(scratch(), 'pod.pcapng')
    const capture = startRemora(['capture', 'pod:lab/k-pod', '-i', 'eth0', '-a', 'packets:4', '-w', file], { env })
    const pid = (await ownList()).get('lab/k-pod')?.pid
    await until('packets are captured', async () => {
      await run(['nsenter', '-t', String(pid), '-n', 'ping', '-c', '1', '-W', '1', '10.99.0.1'])
      return capture.child.exitCode !== null
    })
    expect((await capture.result).status).toBe(0)
    expect(await packetsOf(file)).toHaveLength(4)
    expect(await must('capinfos', '-k', file)).toMatch(/container-name: lab\/k-pod container-type: pod/)
  })
})

describe('without an engine that answers', () => {
  test('containers are found by their traces, with the names that can be read', async () => {
    const stopped = [containerd.daemon, docker.daemon].flatMap(({ pid }) => pid ?? [])
    for (const pid of stopped) process.kill(pid, 'SIGSTOP')
    try {
      const { stdout, stderr } = await remora(['list', '--json'], { env })
      expect(stderr).toMatch(/warning: docker at .* did not answer within 2000 ms/)
      const types = (JSON.parse(stdout) as Listed[]).map(({ type, name, netns }) => [type, name, netns])
      const id = await must('cat', `/proc/${await containerPid('p-web')}/cgroup`)
      expect(id).toMatch(/libpod/)
      const dockers = types.filter(([type]) => type === 'docker')
      expect(dockers.length).toBeGreaterThanOrEqual(4)
      expect(types.filter(([type]) => type === 'cri').length).toBeGreaterThanOrEqual(3)
      expect(types).toContainEqual(['podman', 'p-web', expect.any(Number)])
    } finally {
      for (const pid of stopped) process.kill(pid, 'SIGCONT')
    }
  })

  async function containerPid(name: string): Promise<string> {
    return podman.podman('inspect', '-f', '{{.State.Pid}}', name)
  }

  test('one that is forbidden is told once, and what is visible is listed', async () => {
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    const { stdout, stderr, status } = await run([...nobody, executable, 'list', '--json'])
    expect(status).toBe(0)
    expect((JSON.parse(stdout) as Listed[]).map(({ name }) => name)).toContain('host')
    const lines = stderr.split('\n').filter(line => line !== '')
    expect(new Set(lines).size).toBe(lines.length)
    expect(lines.filter(line => line.includes('not running as root'))).toHaveLength(1)
  })
})
