/** Files of a container: that none leads out of its root, and that nothing is opened which would do something. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { findSocket, readInRoot, resolveInRoot } from '../../../../src/linux/namespace/file-in-root.ts'
import { readCredentials } from '../../../../src/linux/process/credentials.ts'
import { must } from '../../../helpers/command.ts'
import { scratch } from '../../../helpers/scratch.ts'

const read = (root: string, path: string) => readInRoot(root, path, readCredentials('self'))

describe('files in a root', () => {
  const outside = scratch()
  const root = join(outside, 'root')
  mkdirSync(join(root, 'etc/real'), { recursive: true })
  writeFileSync(join(outside, 'secret'), 'secret of the host')
  writeFileSync(join(root, 'etc/plain'), 'plain')
  writeFileSync(join(root, 'etc/large'), 'x'.repeat(200_000))
  symlinkSync('/etc/plain', join(root, 'etc/absolute'))
  symlinkSync('../../../../secret', join(root, 'etc/upwards'))
  symlinkSync(join(outside, 'secret'), join(root, 'etc/outside'))
  symlinkSync('loop', join(root, 'etc/loop'))
  symlinkSync('/dev/zero', join(root, 'etc/device'))
  beforeAll(() => must('mkfifo', join(root, 'etc/fifo')))

  test.each([
    ['a file', '/etc/plain', 'plain'],
    ['a link within', '/etc/absolute', 'plain'],
    ['a link upwards', '/etc/upwards', undefined],
    ['a link to a file of the host', '/etc/outside', undefined],
    ['a link to itself', '/etc/loop', undefined],
    ['a device', '/etc/device', undefined],
    ['a fifo that nobody writes to', '/etc/fifo', undefined],
    ['a folder', '/etc/real', undefined],
    ['the root', '/', undefined],
    ['nothing', '/etc/nothing', undefined],
  ])('%s', (_, path, text) => expect(read(root, path)).toBe(text))

  test('a file of /proc is not opened: reading /proc/kmsg takes the messages of the kernel away', () => {
    symlinkSync('/', join(outside, 'whole'))
    symlinkSync('/proc/self/mountinfo', join(outside, 'mountinfo'))
    expect(read(join(outside, 'whole'), '/proc/version')).toBe('')
    expect(read(join(outside, 'whole'), '/dev/null')).toBeUndefined()
  })

  test('nothing below a file system that a process serves, since that may never answer', () => {
    const line = (place: string, type: string) => `36 35 98:0 / ${place} rw,noatime shared:1 - ${type} /dev/x rw\n`
    for (const [mount, text] of [
      ['/etc', undefined],
      ['/', undefined],
      ['/other', 'plain'],
    ] as const) {
      const proc = scratch()
      symlinkSync(root, join(proc, 'root'))
      writeFileSync(join(proc, 'mountinfo'), line('/', 'ext4') + line(mount, 'fuse'))
      expect(read(join(proc, 'root'), '/etc/absolute')).toBe(text)
    }
  })

  test('nothing on what was mounted after the mounts were read, since that may never answer either', () => {
    const proc = scratch()
    symlinkSync('/', join(proc, 'root'))
    writeFileSync(join(proc, 'mountinfo'), '')
    expect(read(join(proc, 'root'), '/proc/version')).toBeUndefined()
    expect(read(join(proc, 'root'), '/etc/passwd')).toContain('root')
  })

  test('what was mounted while its path was walked is assessed as the mounts before it were', async () => {
    const folder = mkdtempSync('/dev/shm/remora-test-')
    const server = createServer()
    await new Promise<void>(resolve => server.listen(join(folder, 'late.sock'), resolve))
    try {
      // The mounts as they were before the one of /dev/shm.
      const earlier = { blocked: new Set<string>(), answering: new Set<number>() }
      expect(findSocket(join(folder, 'late.sock'), () => earlier)?.path).toBe(join(folder, 'late.sock'))
    } finally {
      server.close()
      rmSync(folder, { recursive: true })
    }
  })

  test('nothing below a root that lies on an unknown mount, as after chroot(2) into what a process serves', () => {
    const proc = scratch()
    symlinkSync('/proc', join(proc, 'root'))
    writeFileSync(join(proc, 'mountinfo'), '')
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
    const number = mounts.find(line => line.split(' ')[4] === '/proc')?.split(' ')[0]
    expect(number).toBeDefined()
    expect(resolveInRoot(join(proc, 'root'), '/version')).toBe(join(proc, 'root', 'version'))
    // The same when neither the process nor this one knows the mount.
    writeFileSync(join(proc, 'mountinfo'), `${number} 1 0:9 / / rw - fuse.x x rw\n`)
    expect(resolveInRoot(join(proc, 'root'), '/version')).toBeUndefined()
  })

  test('64 KiB are enough', () => expect(read(root, '/etc/large')).toHaveLength(65_536))
})

describe('a path in another root', () => {
  const root = scratch()
  mkdirSync(join(root, 'run/deep'), { recursive: true })
  mkdirSync(join(root, 'var'))
  writeFileSync(join(root, 'run/engine.sock'), '')
  symlinkSync('/run', join(root, 'var/run'))
  symlinkSync('../../../../../../run', join(root, 'run/deep/up'))
  symlinkSync('loop', join(root, 'loop'))
  symlinkSync('/proc/1/root/etc', join(root, 'out'))

  test.each([
    ['/run/engine.sock', '/run/engine.sock'],
    ['/var/run/engine.sock', '/run/engine.sock'],
    ['/run/deep/up/engine.sock', '/run/engine.sock'],
    ['/../../run/./engine.sock', '/run/engine.sock'],
    ['/', ''],
    ['/loop', undefined],
    ['/out/passwd', undefined],
    ['/nothing', undefined],
  ])('%s stays in it', (path, expected) => {
    expect(resolveInRoot(root, path)).toBe(expected === undefined ? undefined : root + expected)
  })
})
