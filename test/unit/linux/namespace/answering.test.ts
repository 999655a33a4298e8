/** Which mounts answer, by what mountinfo tells of them. */
import { mkdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mountsOfOneMoment, readMounts } from '../../../../src/linux/namespace/answering.ts'
import { scratch } from '../../../helpers/scratch.ts'

const root = '20 1 8:1 / / rw - ext4 /dev/a rw'
const overlay = (id: number, place: string, options: string) =>
  `${id} 20 0:9${id} / ${place} rw - overlay overlay rw,${options}`

/** Mounts of a process of a user namespace, as its files tell them. */
function mountsOf(lines: readonly string[], userNamespace: string) {
  const process = scratch()
  mkdirSync(join(process, 'ns'))
  symlinkSync(userNamespace, join(process, 'ns/user'))
  writeFileSync(join(process, 'mountinfo'), lines.join('\n'))
  const { blocked, answering } = readMounts(join(process, 'root'))
  return { blocked: [...blocked].sort(), answering: [...answering] }
}

const own = readlinkSync('/proc/self/ns/user')
const another = 'user:[7]'

test('a file system that a process or another machine serves may not', () => {
  const lines = ['30 20 0:9 / /a\\040b rw,noatime shared:1 - fuse.x x rw', 'garbage', '', root]
  expect(mountsOf(lines, own)).toEqual({ blocked: ['/a b'], answering: [20] })
})

describe('an overlay', () => {
  const fuse = '30 20 0:9 / /fuse rw - fuse x rw'
  test.each<[string, string[], string, string[]]>([
    ['that root mounted', [overlay(31, '/x', 'lowerdir=/a:/b,upperdir=/c,workdir=/d')], own, []],
    ['that a user mounted in a user namespace of his own', [overlay(31, '/x', 'lowerdir=/a:/b')], another, ['/x']],
    ['with a layer on what may not', [overlay(31, '/x', 'lowerdir=/a:/fuse/deep')], own, ['/x']],
    ['as it is told since Linux 6.8', [overlay(31, '/x', 'lowerdir+=/a,lowerdir+=/fuse')], own, ['/x']],
    ['with the upper layer there', [overlay(31, '/x', 'lowerdir=/a,upperdir=/fuse/up,workdir=/w')], own, ['/x']],
    ['with data only there', [overlay(31, '/x', 'lowerdir=/a::/fuse')], own, ['/x']],
    [
      'that lies on such a one',
      [overlay(31, '/y', 'lowerdir=/x:/a'), overlay(32, '/x', 'lowerdir=/fuse:/a')],
      own,
      ['/x', '/y'],
    ],
    ['of a folder with a colon in its name', [overlay(31, '/x', 'lowerdir=/a\\134:/fuse')], own, []],
  ])('%s', (_, lines, userNamespace, blocked) => {
    expect(mountsOf([root, fuse, ...lines], userNamespace).blocked).toEqual(['/fuse', ...blocked])
  })
})

describe('the mounts of one moment', () => {
  const links = { 'ns/mnt': 'mnt:[1]', 'ns/user': own, root: '/' }
  /** A process that sees a file system served by another one at a place. */
  const processWith = (place: string, others: Partial<typeof links> = {}) => {
    const process = scratch()
    mkdirSync(join(process, 'ns'))
    for (const [name, target] of Object.entries({ ...links, ...others })) symlinkSync(target, join(process, name))
    writeFileSync(join(process, 'mountinfo'), `30 20 0:9 / ${place} rw - fuse x rw\n${root}`)
    return join(process, 'root')
  }

  test('are read once for processes that share them', () => {
    const mountsUnder = mountsOfOneMoment()
    const first = mountsUnder(processWith('/a'))
    expect(mountsUnder(processWith('/b'))).toBe(first)
    expect([...mountsOfOneMoment()(processWith('/b')).blocked]).toEqual(['/b'])
  })

  test.each<[string, Partial<typeof links>]>([
    ['mount namespace', { 'ns/mnt': 'mnt:[2]' }],
    ['user namespace', { 'ns/user': another }],
    ['root', { root: '/jail' }],
  ])('are those of each %s', (_, others) => {
    const mountsUnder = mountsOfOneMoment()
    mountsUnder(processWith('/a'))
    expect([...mountsUnder(processWith('/b', others)).blocked]).toEqual(['/b'])
  })

  test('are not shared by processes that may not be looked into', () => {
    const mountsUnder = mountsOfOneMoment()
    const hidden = [scratch(), scratch()].map(process => mountsUnder(join(process, 'root')))
    expect(hidden[0]).not.toBe(hidden[1])
  })
})
