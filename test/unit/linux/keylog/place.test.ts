/** Which processes are asked for their keys, and which files they may name. */
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findKeylogs, type KeylogPlace, lookAtKeylog } from '../../../../src/linux/keylog/place.ts'
import { must } from '../../../helpers/command.ts'
import { type FakeProcess, fakeProc } from '../../../helpers/fake-process.ts'
import { scratch } from '../../../helpers/scratch.ts'

const root = scratch()
const found = (...processes: FakeProcess[]) => {
  const proc = fakeProc()
  for (const process of processes) proc.add(process)
  const places = [...findKeylogs(netns => netns === 7, proc.folder)]
  return { proc, places: places.filter(place => place !== undefined) }
}
const pathFor = (environment: string, folder = root, ownRoot = root) =>
  found({ pid: 5, netns: 7, root: ownRoot, folder, environment }).places[0]?.path

describe('what the environment says', () => {
  test.each([
    ['A=1\0SSLKEYLOGFILE=/k\0B=2\0', '/k'],
    ['SSLKEYLOGFILE=/first\0SSLKEYLOGFILE=/second\0', '/first'],
    ['OTHER_SSLKEYLOGFILE=/k\0', undefined],
    ['OTHER_SSLKEYLOGFILE=/k\0SSLKEYLOGFILE=/l\0', '/l'],
    ['SSLKEYLOGFILE=\0A=1\0', undefined],
    ['SSLKEYLOGFILE=/not-ended', undefined],
    [`SSLKEYLOGFILE=/${'x'.repeat(5_000)}\0`, undefined],
    [`A=${'x'.repeat(300_000)}\0SSLKEYLOGFILE=/too-far\0`, undefined],
    ['', undefined],
  ])('%j', (environment, path) => expect(pathFor(environment)).toBe(path))

  test('a relative path is one from the folder the process works in, as seen from its root', () => {
    const relative = 'SSLKEYLOGFILE=a/k\0'
    expect(pathFor(relative, `${root}/app`)).toBe('/app/a/k')
    expect(pathFor(relative, root)).toBe('/a/k')
    expect(pathFor(relative, '/app', '/')).toBe('/app/a/k')
    expect(pathFor(relative, '/', '/')).toBe('/a/k')
    expect(pathFor(relative, `${root}-other`)).toBeUndefined()
  })
})

describe('which processes', () => {
  const environment = 'SSLKEYLOGFILE=/k\0'
  test('only those of the namespaces asked for', () => {
    const { places } = found({ pid: 5, netns: 7, root, environment }, { pid: 6, netns: 8, root, environment })
    expect(places.map(({ process }) => process)).toEqual([{ pid: 5, startTime: 5 }])
  })

  test('the same file is one place for all that see it in the same root', () => {
    const ids = found(
      { pid: 1, netns: 7, root, environment },
      { pid: 2, netns: 7, root, environment },
      { pid: 3, netns: 7, root, environment, mountns: 2 },
      { pid: 4, netns: 7, root: `${root}/..`, environment },
    ).places.map(({ id }) => id)
    expect(ids[0]).toBe(ids[1])
    expect(new Set(ids).size).toBe(3)
  })
})

describe('which files', () => {
  const [inside, outside] = [join(root, 'inside'), join(root, 'outside')]
  mkdirSync(join(inside, 'etc'), { recursive: true })
  mkdirSync(outside)
  writeFileSync(join(inside, 'keys'), 'keys')
  writeFileSync(join(inside, 'empty'), '')
  writeFileSync(join(inside, 'sparse'), '')
  truncateSync(join(inside, 'sparse'), 10 * 2 ** 30)
  writeFileSync(join(outside, 'secret'), 'secret')
  symlinkSync('/keys', join(inside, 'etc/link'))
  symlinkSync(join(outside, 'secret'), join(inside, 'etc/away'))
  symlinkSync('../../outside/secret', join(inside, 'etc/up'))

  const look = (path: string, ownRoot = inside) => {
    const { proc, places } = found({ pid: 5, netns: 7, root: ownRoot, environment: `SSLKEYLOGFILE=${path}\0` })
    // The mounts of a process whose root is ours.
    symlinkSync('/proc/self/mountinfo', join(proc.folder, '5/mountinfo'))
    return lookAtKeylog(places[0] as KeylogPlace, ({ stats }) => stats.size, proc.folder)
  }

  test.each([
    ['/keys', 4],
    ['/empty', 0],
    ['/etc/../keys', 4],
    ['/etc/link', 4],
    ['/sparse', 10 * 2 ** 30],
    ['/etc/away', undefined],
    ['/etc/up', undefined],
    ['/../outside/secret', undefined],
    ['/not-there', undefined],
    ['/etc', undefined],
    ['/', undefined],
  ])('%s in a root of its own', (path, size) => expect(look(path)).toBe(size))

  test('a fifo is left alone', async () => {
    await must('mkfifo', join(inside, 'fifo'))
    expect(look('/fifo')).toBeUndefined()
  })

  test.each(['/dev/zero', '/proc/1/environ', '/proc/self/environ', '/proc/kmsg', '/proc/kcore', '/sys/kernel/notes'])(
    '%s in the root of the machine is left alone',
    path => expect(look(path, '/')).toBeUndefined(),
  )

  test('none once the process is another one, or has gone elsewhere', () => {
    const process = { pid: 5, netns: 7, root: inside, environment: 'SSLKEYLOGFILE=/keys\0' }
    const { proc, places } = found(process)
    const isThere = () => lookAtKeylog(places[0] as KeylogPlace, () => true, proc.folder)
    expect(isThere()).toBe(true)
    for (const other of [
      { ...process, startTime: 6 },
      { ...process, netns: 8 },
    ]) {
      proc.remove(5)
      expect(isThere()).toBeUndefined()
      proc.add(other)
      expect(isThere()).toBeUndefined()
    }
    proc.remove(5)
    proc.add(process)
    expect(isThere()).toBe(true)
  })
})
