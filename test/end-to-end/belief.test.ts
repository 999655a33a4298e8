/** Who is believed: programs that are named like engines, of plain users and in containers, beside one of root. */
import { randomBytes } from 'node:crypto'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCommand, readNamespaceInode } from '../../src/linux/process/proc.ts'
import { end, type Running, start, until } from '../helpers/command.ts'
import { type FakeEngine, startFakeEngine } from '../helpers/fake-engine.ts'
import { remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

/** Nobody's on this machine. */
const user = 64_001
const asUser = ['setpriv', '--reuid', String(user), '--regid', String(user), '--clear-groups', '--']
const unique = randomBytes(4).toString('hex')
const named = (name: string) => `rt-${unique}-${name}`
const newId = () => randomBytes(32).toString('hex')

const running: Running[] = []
const engines: FakeEngine[] = []
afterAll(async () => {
  for (const engine of engines) await engine.close()
  for (const { child } of running) await end(child)
})

/** A process that sleeps, with a namespace of its own; its number and that. */
async function sleeper(...enter: string[]): Promise<{ pid: number; netns: number }> {
  const own = readNamespaceInode('self', 'net')
  const { pid } = remember(start([...enter, 'sleep', '300'], {}, 300_000))
  await until('it sleeps', () => readCommand(pid) === 'sleep' && readNamespaceInode(pid, 'net') !== own)
  return { pid, netns: readNamespaceInode(pid, 'net') ?? 0 }
}

function remember(started: Running): Running {
  running.push(started)
  return started
}

async function engineOf(...options: Parameters<typeof startFakeEngine>): Promise<FakeEngine> {
  const engine = await startFakeEngine(...options)
  engines.push(engine)
  return engine
}

/** Network namespaces of the targets of a name, as the list has them. */
async function listed(name: string): Promise<Record<string, unknown>[]> {
  const { stdout } = await remora(['list', '--json'])
  return (JSON.parse(stdout) as Record<string, unknown>[]).filter(target => target.name === name)
}

/** What a reference means: a network namespace, or what stands against it. */
async function meant(reference: string): Promise<unknown> {
  const { status, stdout, stderr } = await remora(['capture', reference, '--dry-run', '--json', '-i', 'any'])
  return status === 0 ? JSON.parse(stdout).netns : stderr
}

describe('beside an engine of root', () => {
  const trueId = newId()
  let [payroll, database, own]: { pid: number; netns: number }[] = []
  let inside = 0

  beforeAll(async () => {
    ;[payroll, database] = [await sleeper('unshare', '-n'), await sleeper('unshare', '-n')]
    own = await sleeper(...asUser, 'unshare', '-Urn')
    await engineOf([{ id: trueId, name: named('payroll'), pid: payroll?.pid ?? 0 }])
    await engineOf(
      [
        // The same name, and the same id, for a namespace of somebody else; a name like the beginning of that id.
        { id: newId(), name: named('payroll'), pid: database?.pid ?? 0 },
        { id: trueId, name: named('other'), pid: database?.pid ?? 0 },
        { id: newId(), name: trueId.slice(0, 12), pid: own?.pid ?? 0 },
        { id: newId(), name: named('stolen'), pid: database?.pid ?? 0 },
        { id: newId(), name: named('own'), pid: own?.pid ?? 0 },
      ],
      { enter: asUser, user },
    )
    // Root of a container, whose process 1 is a namespace of its own.
    const container = ['unshare', '-pmn', '--fork', '--kill-child', '--mount-proc']
    const engine = await engineOf([{ id: newId(), name: named('payroll'), pid: 1 }], { enter: container })
    inside = engine.pid
  }, 60_000)

  test('a plain user’s takes no name, and hides no namespace', async () => {
    expect(await listed(named('payroll'))).toMatchObject([
      { netns: payroll?.netns, reference: `docker:${named('payroll')}` },
      // That of the container, which has another namespace, under its id.
      { reference: expect.not.stringContaining(named('payroll')) },
    ])
    expect([await listed(named('stolen')), await listed(named('other'))]).toEqual([[], []])
    const { stdout } = await remora(['list', '--json'])
    const ofDatabase = JSON.parse(stdout).filter((target: { netns: number }) => target.netns === database?.netns)
    expect(ofDatabase).toMatchObject([{ type: 'proc', pid: database?.pid }])
  })

  test('a name means what root’s engine says, whoever else has it', async () => {
    for (const reference of [named('payroll'), `docker:${named('payroll')}`, trueId, trueId.slice(0, 12)])
      expect(await meant(reference)).toBe(payroll?.netns)
    expect(inside).toBeGreaterThan(0)
  })

  test('a plain user’s tells of his own', async () => {
    expect(await listed(named('own'))).toMatchObject([{ netns: own?.netns }])
    expect(await meant(named('own'))).toBe(own?.netns)
  })

  test('but nothing of another’s, and says so', async () => {
    expect(await meant(named('stolen'))).toMatch(/is no container of docker at \S+, which runs as user 64001/)
    expect((await remora(['list'])).stderr).toMatch(/tells of \d containers whose processes are not its own/)
  })
})

describe('an engine that does not answer', () => {
  const name = named('twice')
  let told: { pid: number; netns: number }

  /** What watches over a container of Podman, and is called so. */
  async function traced(enter: readonly string[] = []): Promise<void> {
    const folder = scratch()
    chmodSync(folder, 0o755)
    const script = join(folder, 'conmon')
    writeFileSync(script, `#!/bin/sh\nunshare ${enter.length > 0 ? '-Ur' : ''} -mn sleep 300 &\nwait\n`)
    chmodSync(script, 0o755)
    const { pid } = remember(start([...enter, script, '-c', newId(), '-n', name], {}, 300_000))
    await until('it watches', () => readCommand(pid) === 'conmon')
  }

  beforeAll(async () => {
    told = await sleeper('unshare', '-n')
    await engineOf([{ id: newId(), name, pid: told.pid }])
  })

  test('of a plain user makes no name ambiguous', async () => {
    const engine = await engineOf([], { enter: asUser, user, command: 'podman' })
    engine.signal('SIGSTOP')
    await traced(asUser)
    expect(await meant(name)).toBe(told.netns)
  })

  test('of root makes a name ambiguous, since its traces have it too', async () => {
    const engine = await engineOf([], { command: 'podman' })
    engine.signal('SIGSTOP')
    await traced()
    expect(await meant(name)).toMatch(/matches \d targets/)
    expect(await meant(`docker:${name}`)).toBe(told.netns)
  })
})
