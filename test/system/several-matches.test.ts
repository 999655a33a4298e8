/** A reference that means several targets: refused, the one that was started last, or all, as is asked for. */
import { randomBytes } from 'node:crypto'
import { copyFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openContainers } from '../../src/discover/resolve/open-containers.ts'
import { resolveTargets } from '../../src/discover/resolve/resolve.ts'
import type { Container, Engine } from '../../src/engine/engine.ts'
import { tracesEngine } from '../../src/engine/traces.ts'
import { readNamespaceInode, readStartTime, readUptime } from '../../src/linux/process/proc.ts'
import { parseReference, type SeveralMatches } from '../../src/reference/reference.ts'
import { end, type Running, start, until } from '../helpers/command.ts'
import { descriptorCount } from '../helpers/leaks.ts'
import { scratch } from '../helpers/scratch.ts'

const command = `rt${randomBytes(4).toString('hex')}`
const signal = new AbortController().signal
const running: Running[] = []
const inodes: (number | undefined)[] = []

beforeAll(async () => {
  const program = join(scratch(), command)
  copyFileSync('/bin/sleep', program)
  const own = readNamespaceInode('self', 'net')
  for (let one = 0; one < 3; one++) {
    const sleeping = start(['unshare', '--net', program, '1000'], {}, 120_000)
    running.push(sleeping)
    const { pid } = sleeping
    await until('it has a namespace', () => ![own, undefined].includes(readNamespaceInode(pid, 'net')))
    inodes.push(readNamespaceInode(pid, 'net'))
    // Those of one tick of the clock are equally new.
    await until('the next one is newer', () => Math.floor(readUptime() * 100) > (readStartTime(pid) ?? 0))
  }
})
afterAll(async () => {
  for (const { child } of running) await end(child)
})

/** An engine with a container for each process, in the order in which they were not started. */
function engine(): Engine {
  const containers = [1, 2, 0].map(
    (one): Container => ({
      ...{ engine: 'docker', id: `abc${one}${'0'.repeat(60)}`, name: `bead${one}`, prefix: '', labels: { app: 'web' } },
      ...{ socket: '', image: '', state: 'running', created: 7, addresses: [] },
    }),
  )
  return {
    ...{ name: 'docker', address: '/run/docker.sock' },
    containers: async () => containers,
    process: async (id: string) => ({ pid: running[Number(id[3])]?.pid ?? 0, incarnation: id }),
  } as unknown as Engine
}

/** Inodes of what was opened, in the order of the starts; or the code of the failure. */
async function opened(opening: () => Promise<{ namespace: { inode: number; close(): void } }[]>) {
  const before = descriptorCount()
  try {
    const targets = await opening()
    for (const { namespace } of targets) namespace.close()
    return targets.map(({ namespace }) => inodes.indexOf(namespace.inode)).toSorted()
  } catch (error) {
    return (error as { code: string }).code
  } finally {
    expect(descriptorCount()).toBe(before)
  }
}

const [all, newest] = [[0, 1, 2], [2]]

test.each<[SeveralMatches | undefined, unknown]>([
  [undefined, 'TARGET_AMBIGUOUS'],
  ['error', 'TARGET_AMBIGUOUS'],
  ['newest', newest],
  ['all', all],
])('processes of one name, %s', async (match, expected) => {
  expect(await opened(() => resolveTargets([`process:${command}`], { signal, names: false, match }))).toEqual(expected)
})

test.each<[string, SeveralMatches | undefined, unknown]>([
  ['docker:abc', undefined, 'TARGET_AMBIGUOUS'],
  ['docker:abc', 'newest', newest],
  ['docker:abc', 'all', all],
  ['label:app=web', undefined, all],
  ['label:app=web', 'error', all],
  ['label:app=web', 'newest', newest],
  ['docker:bead1', 'newest', [1]],
  ['docker:other', 'newest', 'TARGET_NOT_FOUND'],
])('containers, %s %s', async (text, match, expected) => {
  const docker = engine()
  const answers = [{ engine: docker, containers: await docker.containers(signal) }]
  const reference = parseReference(text) as Parameters<typeof openContainers>[0]
  expect(await opened(() => openContainers(reference, { answers, monitors: [] }, signal, match))).toEqual(expected)
})

/** Starts what looks like a container that no engine tells of; the number of its monitor. */
async function startUntold(id: string): Promise<number> {
  const folder = scratch()
  const [conmon, script] = [join(folder, 'conmon'), join(folder, 'watch.py')]
  symlinkSync('/usr/bin/python3', conmon)
  const command = ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', 'sleep', '100']
  writeFileSync(script, `import subprocess\nsubprocess.run(${JSON.stringify(command)})\n`)
  const monitor = start([conmon, script, '-c', id, '-n', 'untold'], {}, 120_000)
  running.push(monitor)
  await until('its traces are found', async () => (await tracesEngine().containers(signal)).some(one => one.id === id))
  return monitor.pid
}

test('a name is not the beginning of an id that no engine tells of', async () => {
  const docker = engine()
  const pid = await startUntold(`bead1${'0'.repeat(59)}`)
  const told = {
    answers: [{ engine: docker, containers: await docker.containers(signal) }],
    monitors: [{ pid, command: 'conmon' }],
  }
  const opening = (text: string) =>
    opened(() => openContainers(parseReference(text) as Parameters<typeof openContainers>[0], told, signal))
  expect(await opening('bead1')).toEqual([1])
  expect(await opening('untold')).toEqual([-1])
})
