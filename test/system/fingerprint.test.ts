/** What a network namespace looks like from a process in it, while it is changed. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { networkFingerprint } from '../../src/linux/network/fingerprint.ts'
import { readNamespaceInode } from '../../src/linux/process/proc.ts'
import { end, must, type Running, start, until } from '../helpers/command.ts'

let inside: Running
let netns: number
const own = readNamespaceInode('self', 'net')
const ip = (...args: string[]) => must('nsenter', `--net=/proc/${inside.pid}/ns/net`, 'ip', ...args)
const look = () => networkFingerprint(inside.pid, netns)

beforeAll(async () => {
  inside = start(['unshare', '-n', 'sleep', '100'])
  await until('it has a namespace of its own', () => (readNamespaceInode(inside.pid, 'net') ?? own) !== own)
  netns = readNamespaceInode(inside.pid, 'net') ?? 0
  await ip('link', 'add', 'one', 'type', 'veth', 'peer', 'name', 'other')
  await ip('link', 'set', 'other', 'up')
  await ip('link', 'set', 'lo', 'up')
})
afterAll(() => end(inside.child))

test.each([
  ['set up', ['link', 'set', 'one', 'up']],
  ['an address', ['address', 'add', '192.0.2.1/24', 'dev', 'one']],
  ['a second one', ['address', 'add', '192.0.2.2/24', 'dev', 'one']],
  ['one of IPv6', ['address', 'add', '2001:db8::1/64', 'dev', 'one', 'nodad']],
  ['one that goes', ['address', 'del', '192.0.2.2/24', 'dev', 'one']],
  ['a route', ['route', 'add', '198.51.100.0/24', 'via', '192.0.2.9']],
  ['set down', ['link', 'set', 'one', 'down']],
  ['another name', ['link', 'set', 'one', 'name', 'renamed']],
  ['one more', ['link', 'add', 'more', 'type', 'veth', 'peer', 'name', 'and-more']],
  ['one less', ['link', 'del', 'renamed']],
])('%s is seen', async (_, command) => {
  const before = look()
  await ip(...command)
  expect(before).toBeDefined()
  expect(look()).not.toBe(before)
})

test('packets change nothing', async () => {
  const before = look()
  await must('nsenter', `--net=/proc/${inside.pid}/ns/net`, 'ping', '-c', '3', '-i', '0.01', '127.0.0.1')
  expect(look()).toBe(before)
})

test('a process in another namespace, or that has ended, shows nothing', () => {
  expect(networkFingerprint(process.pid, netns)).toBeUndefined()
  expect(networkFingerprint(2 ** 22 + 1, netns)).toBeUndefined()
})
