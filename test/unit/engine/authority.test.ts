/** Which processes an engine may speak for. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Authority, hostAuthority, isOfHost, mayClaim, type Subject } from '../../../src/engine/authority.ts'
import { readSubordinateIds } from '../../../src/linux/process/account.ts'
import { scratch } from '../../helpers/scratch.ts'

const [hostPids, containerPids, innerPids] = [1, 100, 200]
const subordinate = { first: 100_000, count: 65_536 }
const users = [{ first: 1000, count: 1 }, subordinate]

const engines = {
  root: hostAuthority,
  'root in a container': { uid: 0, root: true, pidns: containerPids, users: [] },
  'root without power over the host': { uid: 0, root: false, users: [] },
  'a user’s, in his user namespace': { uid: 1000, root: false, userns: 77, users },
  'a user’s, known by its socket alone': { uid: 1000, root: false, users },
  'a user’s, in no user namespace': { uid: 1000, root: false, users: [{ first: 1000, count: 1 }] },
  'root of a user namespace, in a container': {
    uid: 100_000,
    root: false,
    userns: 88,
    pidns: containerPids,
    users: [subordinate],
  },
} satisfies Record<string, Authority>

const processes = {
  'one of root': { uids: [0], pidns: [hostPids] },
  'one of the user': { uids: [1000], pidns: [hostPids] },
  'one of another user': { uids: [1001], pidns: [hostPids] },
  'root’s container': { uids: [0], pidns: [containerPids, hostPids] },
  'a container of a container': { uids: [0], pidns: [innerPids, containerPids, hostPids] },
  'root’s container that runs as the user': { uids: [1000], pidns: [containerPids, hostPids] },
  'the user’s container': { uids: [100_005], userns: { inode: 77, users }, pidns: [innerPids, hostPids] },
  'one in a further namespace of the user': {
    uids: [100_005],
    userns: { inode: 78, users: [{ first: 100_001, count: 10 }] },
    pidns: [innerPids, hostPids],
  },
  'another user’s container': {
    uids: [1001],
    userns: { inode: 79, users: [{ first: 1001, count: 1 }] },
    pidns: [innerPids, hostPids],
  },
  'one of a user namespace without users': { uids: [1001], userns: { inode: 80, users: [] }, pidns: [hostPids] },
  'a set-user-ID program of the user': { uids: [1000, 0], pidns: [hostPids] },
} satisfies Record<string, Subject>

type Name = keyof typeof processes
const userOwn: Name[] = ['one of the user', 'root’s container that runs as the user']
const userContainers: Name[] = ['the user’s container', 'one in a further namespace of the user']

describe('an engine speaks for what is its own', () => {
  test.each<[keyof typeof engines, Name[]]>([
    ['root', Object.keys(processes) as Name[]],
    [
      'root in a container',
      ['root’s container', 'a container of a container', 'root’s container that runs as the user'],
    ],
    ['root without power over the host', []],
    ['a user’s, in his user namespace', [...userOwn, ...userContainers]],
    ['a user’s, known by its socket alone', [...userOwn, ...userContainers]],
    ['a user’s, in no user namespace', userOwn],
    ['root of a user namespace, in a container', []],
  ])('%s', (engine, own) => {
    const claimed = Object.entries(processes).filter(([, subject]) => mayClaim(engines[engine], subject))
    expect(claimed.map(([name]) => name).sort()).toEqual([...own].sort())
  })

  test.each<[keyof typeof engines, number, boolean]>([
    ['root', 0, true],
    ['root', 1000, true],
    ['root in a container', 0, false],
    ['root without power over the host', 0, false],
    ['a user’s, in his user namespace', 0, false],
    ['a user’s, in his user namespace', 1000, true],
    ['a user’s, in his user namespace', 1001, false],
  ])('and %s tells names that count for user %i: %j', (engine, caller, expected) => {
    expect(isOfHost(engines[engine], caller)).toBe(expected)
  })
})

test('the ids a user may map are those of his number and of his name', () => {
  const etc = scratch()
  expect(readSubordinateIds(1000, etc)).toEqual([])
  writeFileSync(join(etc, 'passwd'), 'root:x:0:0::/:/bin/sh\nbob:x:1000:1000::/:/bin/sh\n')
  writeFileSync(join(etc, 'subuid'), 'bob:100000:65536\n#x\nalice:200000:65536\n1000:300000:10\nbob:x:1\n')
  expect(readSubordinateIds(1000, etc)).toEqual([subordinate, { first: 300_000, count: 10 }])
})
