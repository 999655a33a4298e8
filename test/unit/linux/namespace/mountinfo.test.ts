import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isBelow } from '../../../../src/linux/namespace/mount-lines.ts'
import { listForeignMounts, parseNamespaceMounts } from '../../../../src/linux/namespace/mountinfo.ts'
import type { ProcessEntry } from '../../../../src/linux/process/table.ts'
import { scratch } from '../../../helpers/scratch.ts'

test('namespaces in other mount namespaces are found through one process each, but not where nobody may answer', async () => {
  const proc = scratch()
  for (const name of ['self/ns', '7/ns', '8/ns']) mkdirSync(join(proc, name), { recursive: true })
  symlinkSync('mnt:[1]', join(proc, 'self/ns/mnt'))
  writeFileSync(
    join(proc, '7/mountinfo'),
    [
      '30 1 0:9 / /srv rw - fuse.sshfs host: rw',
      '31 1 0:4 net:[77] /run/netns/good rw - nsfs nsfs rw',
      '32 30 0:4 net:[78] /srv/deep/bad rw - nsfs nsfs rw',
    ].join('\n'),
  )
  const process = (pid: number, mountns: number): ProcessEntry => ({
    ...{ pid, parent: 1, netns: 1, startTime: pid, command: 'x', mountns, container: undefined },
  })
  expect(await listForeignMounts([process(9, 1), process(8, 2), process(7, 3)], undefined, proc)).toEqual([
    { path: `${proc}/7/root/run/netns/good`, inode: 77, pid: 7, inside: '/run/netns/good' },
  ])
})

const root = '20 1 8:1 / / rw - ext4 /dev/a rw'
const run = '21 20 0:5 / /run rw - tmpfs tmpfs rw'
const named = '22 21 0:4 net:[70] /run/netns/x rw - nsfs nsfs rw'

test.each<[string, string[], string[]]>([
  ['a namespace on a mount', [root, run, named], ['/run/netns/x 70']],
  ['in the order of a tree, which need not be that of time', [named, run, root], ['/run/netns/x 70']],
  ['below what was mounted over its folder', [root, run, named, '23 21 0:6 / /run/netns rw - tmpfs tmpfs rw'], []],
  ['below what was mounted over the folder of that', [root, run, named, '23 21 0:6 / /run rw - tmpfs tmpfs rw'], []],
  ['below a new root', [root, run, named, '23 20 0:6 / / rw - tmpfs tmpfs rw'], []],
  [
    'beside what was mounted next to it',
    [root, run, named, '23 21 0:6 / /run/net rw - tmpfs tmpfs rw'],
    ['/run/netns/x 70'],
  ],
  ['under another one', [root, run, named, '24 22 0:4 net:[71] /run/netns/x rw - nsfs nsfs rw'], ['/run/netns/x 71']],
  ['under what is none', [root, run, named, '24 22 0:4 mnt:[71] /run/netns/x rw - nsfs nsfs rw'], []],
  [
    'on what hides a folder',
    [root, run, named, '23 21 0:6 / /run/netns rw - tmpfs tmpfs rw', '25 23 0:4 net:[72] /run/netns/y rw - nsfs n rw'],
    ['/run/netns/y 72'],
  ],
  ['on a root that lies on rootfs', ['1 1 0:2 / / rw - rootfs rootfs rw', root, run, named], ['/run/netns/x 70']],
  ['on one another in a circle', ['22 23 0:4 net:[70] /x rw - nsfs n rw', '23 22 0:4 net:[71] /x rw - nsfs n rw'], []],
  ['in a root that is no mount itself', [run, named], ['/run/netns/x 70']],
])('%s', (_, lines, expected) => {
  expect(parseNamespaceMounts(lines.join('\n')).map(({ path, inode }) => `${path} ${inode}`)).toEqual(expected)
})

test.each([
  ['/a/b', ['/a'], true],
  ['/a/b', ['/a/b'], true],
  ['/a/b', ['/'], true],
  ['/ab', ['/a'], false],
  ['/a', ['/a/b'], false],
  ['/a', [], false],
])('%s below %j: %s', (path, places, expected) => {
  expect(isBelow(path, new Set(places))).toBe(expected)
})

test('mounted network namespaces are picked out of mountinfo', () => {
  const mountinfo = [
    '25 30 0:23 / /sys rw,nosuid shared:7 - sysfs sysfs rw',
    '101 30 0:4 net:[4026532177] /run/netns/blue rw shared:61 - nsfs nsfs rw',
    '102 30 0:4 net:[4026532178] /run/netns/a\\040b rw - nsfs nsfs rw',
    '103 30 0:4 mnt:[4026532179] /run/snapd/ns/x.mnt rw - nsfs nsfs rw',
    '104 30 0:4 net:[4026532180] /run/netns/blue rw - nsfs nsfs rw',
    'garbage',
    '',
  ].join('\n')
  expect(parseNamespaceMounts(mountinfo)).toEqual([
    { path: '/run/netns/a b', inode: 4026532178 },
    { path: '/run/netns/blue', inode: 4026532180 },
  ])
})
