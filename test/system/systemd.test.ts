/** Units of systemd, by the groups that it makes for them: those of a real manager of a user, and one as that of the system makes it. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { resolveTarget, resolveTargets } from '../../src/discover/resolve/resolve.ts'
import { readNamespaceInode } from '../../src/linux/process/proc.ts'
import type { SeveralMatches } from '../../src/reference/reference.ts'
import { end, type Running, start, until } from '../helpers/command.ts'
import { makeUnitGroup, startUserManager, type UserManager } from '../helpers/systemd.ts'

const name = (kind: string) => `remora-${process.pid}-${kind}.service`
const [plain, several, forking, gone] = ['plain', 'several', 'forking', 'gone'].map(name) as [
  string,
  string,
  string,
  string,
]
const isolated = 'unshare --net sleep 1000'

let manager: UserManager
beforeAll(async () => {
  manager = await startUserManager(0, {
    [plain]: `[Service]\nExecStart=${isolated}\n`,
    [several]: `[Service]\nType=exec\nExecStart=sh -c '${isolated} & exec ${isolated}'\n`,
    [forking]: `[Service]\nType=forking\nExecStart=sh -c '${isolated} &'\n`,
    [gone]: '[Service]\nType=oneshot\nExecStart=true\n',
  })
})
afterAll(() => manager?.close())

const running: Running[] = []
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const { child } of running.splice(0)) await end(child)
  for (const close of closing.splice(0)) await close()
})

const options = () => ({ signal: AbortSignal.timeout(20_000), names: false })

async function resolved(text: string, match?: SeveralMatches) {
  const targets = await resolveTargets([text], { ...options(), match })
  for (const { namespace } of targets) namespace.close()
  return targets.map(({ reference, name, namespace }) => ({
    reference,
    name,
    netns: namespace.inode,
    pid: namespace.process?.pid,
  }))
}

/** Starts a unit, and returns its main process when that lives in a namespace of its own. */
async function startUnit(unit: string): Promise<number> {
  await manager.systemctl('start', unit)
  let pid = 0
  await until(`${unit} has a network of its own`, async () => {
    pid = Number(await manager.systemctl('show', '--property=MainPID', '--value', unit))
    return pid > 0 && readNamespaceInode(pid, 'net') !== readNamespaceInode('self', 'net')
  })
  return pid
}

test('a unit means the process that systemd calls its main one, and the next after a restart', async () => {
  const pid = await startUnit(plain)
  const found = { reference: `systemd:${plain}`, name: plain, pid, netns: readNamespaceInode(pid, 'net') }
  expect(await resolved(`systemd:${plain.replace('.service', '')}`)).toEqual([found])
  await manager.systemctl('stop', plain)
  await expect(resolveTarget(`systemd:${plain}`, options())).rejects.toMatchObject({ code: 'TARGET_NOT_FOUND' })
  const next = await startUnit(plain)
  expect(next).not.toBe(pid)
  expect(await resolved(`systemd:${plain}`)).toMatchObject([{ pid: next }])
})

test('of a unit that puts itself into the background what it leaves there is meant', async () => {
  const pid = await startUnit(forking)
  expect(await resolved(`systemd:${forking}`)).toMatchObject([{ name: forking, pid }])
})

test('of a unit with several namespaces the one of its main process is meant, and all where all are wanted', async () => {
  const pid = await startUnit(several)
  const main = { pid, netns: readNamespaceInode(pid, 'net') }
  expect(await resolved(`systemd:${several}`)).toMatchObject([main])
  expect(await resolved(`systemd:${several}`, 'newest')).toMatchObject([main])
  await until('its child has a namespace, too', async () => (await resolved(`systemd:${several}`, 'all')).length === 2)
  const [first, second] = await resolved(`systemd:${several}`, 'all')
  expect(first).toMatchObject(main)
  expect(second?.netns).not.toBe(first?.netns)
})

test('a unit that has ended is not found, and the nearest names are told', async () => {
  await startUnit(plain)
  await manager.systemctl('start', gone)
  await expect(resolveTarget(`systemd:${gone}`, options())).rejects.toMatchObject({ code: 'TARGET_NOT_FOUND' })
  await expect(resolveTarget(`systemd:${plain.replace('plain', 'plan')}`, options())).rejects.toMatchObject({
    code: 'TARGET_NOT_FOUND',
    hint: expect.stringContaining(plain),
  })
})

test('a unit of the system goes before one of a user that is called the same', async () => {
  await startUnit(plain)
  const group = makeUnitGroup(`system.slice/${plain}`)
  closing.push(group.close)
  const service = start([...group.enter, 'unshare', '--net', 'sleep', '1000'], {}, 300_000)
  running.push(service)
  await until('it runs', () => readNamespaceInode(service.pid, 'net') !== readNamespaceInode('self', 'net'))
  expect(await resolved(`systemd:${plain}`)).toMatchObject([{ pid: service.pid }])
})

test('units of two other users are ambiguous', async () => {
  const unit = name('contested')
  const pids: number[] = []
  for (const user of [4_001, 4_002]) {
    const group = makeUnitGroup(`user.slice/user-${user}.slice/user@${user}.service/app.slice/${unit}`)
    closing.push(group.close)
    const service = start([...group.enter, 'sleep', '1000'], {}, 300_000)
    running.push(service)
    pids.push(service.pid)
  }
  await until('both are seen', () =>
    resolveTarget(`systemd:${unit}`, options()).then(
      () => false,
      error => error.code === 'TARGET_AMBIGUOUS' && pids.every(pid => error.message.includes(`pid:${pid}@`)),
    ),
  )
})
