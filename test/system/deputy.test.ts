/** What root reads on behalf of a plain user's processes: nothing that they could not read themselves. */
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readHosts, readResolver } from '../../src/linux/host/dns.ts'
import { findKeylogs, lookAtKeylog } from '../../src/linux/keylog/place.ts'
import { readCommand, readEnvironment, readNamespaceInode } from '../../src/linux/process/proc.ts'
import { end, must, type Running, run, start, until } from '../helpers/command.ts'
import { scratch } from '../helpers/scratch.ts'

/** Nobody's on this machine. */
const user = 64_001
const asUser = ['setpriv', '--reuid', String(user), '--regid', String(user), '--clear-groups', '--']
const folder = scratch()
chmodSync(folder, 0o755)
const secret = join(folder, 'secret')
const open = join(folder, 'open')
for (const [path, mode] of [
  [secret, 0o600],
  [open, 0o644],
] as const) {
  writeFileSync(path, '10.0.0.1 of-root\n')
  chmodSync(path, mode)
}

const running: Running[] = []
afterAll(() => Promise.all(running.map(({ child }) => end(child))))

/** Starts a program that becomes `sleep`, and waits until it is. */
async function sleeper(command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  const process_ = start([...command], { env: { PATH: process.env.PATH, ...env } })
  running.push(process_)
  // The name comes before the environment.
  const isThere = () =>
    readCommand(process_.pid)?.startsWith('sleep') === true && Object.keys(readEnvironment(process_.pid)).length > 0
  await until('it sleeps', isThere)
  return process_.pid
}

/** Text of the files that processes of a namespace name for their keys, by process. */
function keylogsOf(pid: number): Map<number, string | undefined> {
  const netns = readNamespaceInode(pid, 'net')
  const places = [...findKeylogs(inode => inode === netns)].filter(place => place !== undefined)
  const text = (place: (typeof places)[number]) => lookAtKeylog(place, ({ open }) => readFileSync(open(), 'utf8'))
  return new Map(places.map(place => [place.process.pid, text(place)]))
}

test('keys are read from a file that the process could read, whatever it names', async () => {
  const private_ = join(folder, 'private')
  mkdirSync(private_)
  writeFileSync(join(private_, 'keys'), 'below a folder of root')
  chmodSync(private_, 0o700)
  chmodSync(join(private_, 'keys'), 0o644)
  const own = join(folder, 'own')
  writeFileSync(own, 'own')
  chmodSync(own, 0o600)
  chownSync(own, user, user)
  const isolated = [...asUser, 'unshare', '-Urn', 'sleep', '60']
  for (const [path, text] of [
    [secret, undefined],
    [join(private_, 'keys'), undefined],
    [open, '10.0.0.1 of-root\n'],
    [own, 'own'],
  ] as const) {
    const pid = await sleeper(isolated, { SSLKEYLOGFILE: path })
    expect(keylogsOf(pid).get(pid)).toBe(text)
  }
})

test('an access control list does not give a group what its mask allows others', async () => {
  const shared = join(folder, 'shared')
  writeFileSync(shared, 'for one user')
  chmodSync(shared, 0o600)
  await must('setfacl', '-m', 'u:1:r', shared)
  expect(statSync(shared).mode & 0o777).toBe(0o640)
  const inGroup = ['setpriv', '--reuid', String(user), '--regid', '0', '--clear-groups', '--']
  expect((await run([...inGroup, 'cat', shared])).status).not.toBe(0)
  const pid = await sleeper(['unshare', '-n', ...inGroup, 'sleep', '60'], { SSLKEYLOGFILE: shared })
  expect([...keylogsOf(pid)]).toEqual([[pid, undefined]])
})

test('a set-user-ID program names no file: its caller chose the environment', async () => {
  const program = join(folder, 'sleep-as-root')
  copyFileSync('/bin/sleep', program)
  chmodSync(program, 0o4755)
  const environment = { SSLKEYLOGFILE: secret }
  const isolated = ['unshare', '-n', '--', ...asUser, program, '60']
  const pid = await sleeper(isolated, environment)
  expect(keylogsOf(pid).has(pid)).toBe(false)
  const plain = await sleeper(['unshare', '-n', 'sleep', '60'], environment)
  expect(keylogsOf(plain).get(plain)).toBe('10.0.0.1 of-root\n')
})

test('names come from files that the process could read', async () => {
  for (const [path, names] of [
    [secret, []],
    [open, [{ address: '10.0.0.1', name: 'of-root' }]],
  ] as const) {
    const script = `mount -t tmpfs x /etc && ln -s ${path} /etc/hosts && ln -s ${path} /etc/resolv.conf && exec sleep 60`
    const pid = await sleeper([...asUser, 'unshare', '-Urnm', 'sh', '-c', script])
    expect(readHosts(pid)).toEqual(names)
    expect(readResolver(pid) === undefined).toBe(path === secret)
  }
})
