/** Who a process is, and which files it may read. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  areAmong,
  type Credentials,
  isSecureExecution,
  mayRead,
  maySearch,
  parseIdMap,
  readCredentials,
} from '../../../../src/linux/process/credentials.ts'
import { scratch } from '../../../helpers/scratch.ts'

const everybody = [{ first: 0, count: 4_294_967_295 }]
const user: Credentials = {
  users: [1000],
  groups: [100],
  supplementary: [4],
  capabilities: 0n,
  userns: 1,
  knownUsers: everybody,
  knownGroups: everybody,
}
const allCapabilities = 0x1ffffffffffn
const rootOfHost = { ...user, users: [0], groups: [0], supplementary: [], capabilities: allCapabilities }
/** As podman or `unshare -r` makes it: itself, and the subordinate ids of its user. */
const ownRange = [
  { first: 1000, count: 1 },
  { first: 100_000, count: 65_536 },
]
const rootOfUser = { ...user, capabilities: allCapabilities, knownUsers: ownRange, knownGroups: ownRange }

describe('a file is read for a process that may read it itself', () => {
  test.each<[string, Credentials, number, number, number, boolean]>([
    ['its own', user, 1000, 0, 0o600, true],
    ['its own, which it took the right from itself', user, 1000, 100, 0o077, false],
    ['its group’s, unless a list says otherwise', user, 0, 100, 0o640, false],
    ['its group’s, which may not', user, 0, 100, 0o604, false],
    ['a supplementary group’s, unless a list says otherwise', user, 0, 4, 0o640, false],
    ['another’s, unless a list names it', user, 0, 0, 0o604, false],
    ['everybody’s', user, 0, 0, 0o644, true],
    ['root’s', user, 0, 0, 0o600, false],
    ['any, for root', rootOfHost, 1000, 100, 0o000, true],
    ['root’s, for root without capabilities', { ...rootOfHost, capabilities: 0n }, 0, 0, 0o400, true],
    ['another’s, for root without capabilities', { ...rootOfHost, capabilities: 0n }, 1000, 100, 0o600, false],
    ['root’s, for the root of a user namespace that has not this root', rootOfUser, 0, 0, 0o600, false],
    ['one of a user that is in its user namespace', rootOfUser, 100_005, 100_005, 0o600, true],
    ['one of a group that is not', rootOfUser, 100_005, 0, 0o600, false],
    ['root’s, for a set-user-ID program', { ...rootOfHost, users: [1000, 0] }, 0, 0, 0o600, false],
    ['the user’s, for a set-user-ID program', { ...rootOfHost, users: [1000, 0] }, 1000, 0, 0o600, false],
    ['everybody’s, for a set-user-ID program', { ...rootOfHost, users: [1000, 0] }, 0, 0, 0o644, true],
    ['a group’s, for a set-group-ID program', { ...user, groups: [100, 42] }, 0, 42, 0o640, false],
  ])('%s', (_, process, uid, gid, mode, expected) => {
    expect(mayRead(process, { uid, gid, mode: 0o100_000 | mode })).toBe(expected)
  })

  test('a folder on the way needs the right to search, not the one to read', () => {
    expect(maySearch(user, { uid: 0, gid: 0, mode: 0o40_711 })).toBe(true)
    expect(maySearch(user, { uid: 0, gid: 0, mode: 0o40_744 })).toBe(false)
    expect(maySearch(user, { uid: 0, gid: 0, mode: 0o40_700 })).toBe(false)
    expect(maySearch(rootOfHost, { uid: 1000, gid: 0, mode: 0o40_700 })).toBe(true)
  })
})

test('this process is who it is', () => {
  expect(readCredentials('self')).toMatchObject({ users: [process.geteuid?.()], groups: [process.getegid?.()] })
  expect(readCredentials(7, scratch())).toBeUndefined()
})

test('what a process in a folder says is read, whatever is missing', () => {
  const proc = scratch()
  mkdirSync(join(proc, '7/ns'), { recursive: true })
  symlinkSync('user:[77]', join(proc, '7/ns/user'))
  writeFileSync(
    join(proc, '7/status'),
    'Name:\tx\nUid:\t5\t5\t5\t6\nGid:\t7\t7\t7\t7\nGroups:\t \nCapEff:\t0000000000000004\n',
  )
  writeFileSync(join(proc, '7/uid_map'), '         0       1000          1\n         1     100000      65536\n')
  expect(readCredentials(7, proc)).toEqual({
    users: [5, 6],
    groups: [7],
    supplementary: [],
    capabilities: 4n,
    userns: 77,
    knownUsers: ownRange,
    knownGroups: [],
  })
})

test('ranges', () => {
  expect(parseIdMap('garbage\n0 0 4294967295')).toEqual(everybody)
  expect(areAmong(ownRange, everybody)).toBe(true)
  expect(areAmong(everybody, ownRange)).toBe(false)
  expect(areAmong([{ first: 165_535, count: 2 }], ownRange)).toBe(false)
})

test('a program with more rights than its caller is told by the auxiliary vector', () => {
  const words = (...pairs: number[]) => Buffer.from(BigUint64Array.from(pairs, BigInt).buffer)
  const proc = scratch()
  for (const [pid, vector, expected] of [
    [1, words(6, 4096, 23, 1, 0, 0), true],
    [2, words(6, 4096, 23, 0, 0, 0), false],
    [3, Buffer.from(Uint32Array.from([6, 4096, 23, 1, 0, 0]).buffer), true],
    [4, Buffer.alloc(3), false],
  ] as const) {
    mkdirSync(join(proc, String(pid)))
    writeFileSync(join(proc, String(pid), 'auxv'), vector)
    expect(isSecureExecution(pid, proc)).toBe(expected)
  }
  expect(isSecureExecution(5, proc)).toBe(false)
  expect(isSecureExecution(process.pid)).toBe(false)
})
