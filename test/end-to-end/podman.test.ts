/** A Podman container through the executable: listed, an interface of Wireshark, captured by name. */
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packetsOf } from '../helpers/capture-file.ts'
import { end, must, run, until } from '../helpers/command.ts'
import { makePodman, type Podman, podmanImage, startPodman } from '../helpers/podman.ts'
import { environment, remora, startRemora, wiresharkHome } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

let engine: Podman
let env: NodeJS.ProcessEnv
beforeAll(async () => {
  engine = await startPodman()
  env = { CONTAINER_HOST: `unix://${engine.socket}` }
  await engine.podman(
    'run',
    '-d',
    '--name',
    'pm',
    '--annotation',
    'team=of pm',
    podmanImage,
    'sh',
    '-c',
    'exec ping -q -i 0.2 $(ip route | sed "s/.*via //;s/ .*//;q")',
  )
})
afterAll(() => engine?.close())

test('is listed with its engine, and found by every reference', async () => {
  const { stdout } = await remora(['list', '--json', '--engine', 'podman'], { env })
  const pid = Number(await engine.podman('inspect', '-f', '{{.State.Pid}}', 'pm'))
  const listed: { pid: number }[] = JSON.parse(stdout)
  expect(listed.filter(target => target.pid === pid)).toMatchObject([
    { name: 'pm', type: 'podman', pid, reference: 'podman:pm', state: 'running' },
  ])
  const inode = Number(/\d+/.exec(await must('readlink', `/proc/${pid}/ns/net`))?.[0])
  for (const reference of ['pm', 'podman:pm', 'container:pm', 'annotation:team=of%20pm']) {
    const plan = await remora(['capture', reference, '--dry-run', '--json'], { env })
    expect(JSON.parse(plan.stdout).netns).toBe(inode)
  }
  expect(await remora(['capture', 'docker:pm', '--dry-run'], { env })).toMatchObject({ status: 3 })
})

test('a pod is one entry and one interface, without its infra container and monitor; a sidecar stands behind', async () => {
  await engine.podman('run', '-d', '--name', 'pm-side', '--network', 'container:pm', podmanImage)
  await engine.podman('pod', 'create', '--name', 'crew')
  for (const name of ['crew-a', 'crew-b'])
    await engine.podman('run', '-d', '--pod', 'crew', '--name', name, podmanImage)
  const [listed, interfaces] = await Promise.all([
    remora(['list', '--json'], { env }),
    remora(['--extcap-interfaces'], { env }),
  ])
  const podId = (await engine.podman('pod', 'inspect', '-f', '{{.Id}}', 'crew')).trim()
  const targets: { name: string; type: string; netns: number; id?: string }[] = JSON.parse(listed.stdout)
  const host = targets.find(({ type }) => type === 'host')?.netns
  const own = targets.filter(
    ({ name, type, netns }) => /^(?:pm|crew)/.test(name) || (type === 'containerd' && netns === host),
  )
  expect(own.map(({ name, type }) => [name, type])).toEqual([
    ['crew', 'pod'],
    ['pm', 'podman'],
    ['pm-side', 'podman'],
  ])
  expect(targets.filter(({ id }) => id === podId)).toEqual([])
  const shown = Array.from(
    interfaces.stdout.matchAll(/\{display=((?:pm|crew|[0-9a-f]{12}-infra).*)\}/g),
    ([, name]) => name,
  )
  expect(shown).toEqual(['crew (pod)', 'pm (podman container)', 'pm-side (podman container)'])
  const plan = await remora(['capture', 'crew-a', '--dry-run', '--json'], { env })
  expect(JSON.parse(plan.stdout).netns).toBe(targets.find(({ name }) => name === 'crew')?.netns)
})

test('a name that a Podman without a service has given too means two', async () => {
  await engine.podman('run', '-d', '--name', 'twin', podmanImage)
  const plan = () => remora(['capture', 'twin', '--dry-run'], { env })
  expect(await plan()).toMatchObject({ status: 0 })
  const silent = await makePodman()
  try {
    const id = await silent.podman('run', '-d', '--name', 'twin', podmanImage)
    const { status, stderr } = await plan()
    expect([status, stderr]).toEqual([3, expect.stringContaining(`podman:${id.slice(0, 12)}`)])
    const pid = Number(await silent.podman('inspect', '-f', '{{.State.Pid}}', 'twin'))
    const chosen = await remora(['capture', `podman:${id.slice(0, 12)}`, '--dry-run', '--json'], { env })
    expect(JSON.parse(chosen.stdout).netns).toBe(Number(/\d+/.exec(await must('readlink', `/proc/${pid}/ns/net`))?.[0]))
  } finally {
    await silent.close()
  }
  expect(await plan()).toMatchObject({ status: 0 })
})

test('a container that is removed by force is told of once, however often', async () => {
  const watching = startRemora(['list', '--watch', '--json', '--engine', 'podman'], { env })
  const events: { event: string; target: { name: string } }[] = []
  if (watching.child.stdout) createInterface(watching.child.stdout).on('line', line => events.push(JSON.parse(line)))
  const of = (name: string) => events.filter(({ target }) => target.name === name).map(({ event }) => event)
  await until('the watch has begun', () => of('pm').length > 0, 20_000)
  for (const name of ['forced-1', 'forced-2', 'forced-3']) {
    await engine.podman('run', '-d', '--name', name, podmanImage)
    await until('it is told', () => of(name).length > 0, 20_000)
    await engine.podman('rm', '-f', '-t', '0', name)
    await until('its end is told', () => of(name).includes('gone'), 20_000)
  }
  await engine.podman('run', '-d', '--name', 'forced-last', podmanImage)
  await until('what comes later is told', () => of('forced-last').length > 0, 20_000)
  await end(watching.child)
  for (const name of ['forced-1', 'forced-2', 'forced-3']) expect(of(name), name).toEqual(['appear', 'gone'])
})

test('is an interface of Wireshark that captures', async () => {
  const file = join(scratch(), 'podman.pcapng')
  const args = ['-i', 'remora-pm', '-f', 'icmp', '-c', '4', '-w', file]
  const { status, stderr } = await run(['tshark', ...args], { env: environment({ HOME: wiresharkHome(), ...env }) })
  expect(status, stderr).toBe(0)
  expect(await packetsOf(file)).toHaveLength(4)
  expect(await must('capinfos', '-k', file)).toMatch(/container-name: pm container-type: podman/)
})
