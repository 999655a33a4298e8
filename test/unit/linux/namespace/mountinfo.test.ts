import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isBelow, listForeignMounts } from '../../../../src/linux/namespace/mountinfo.ts'
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
