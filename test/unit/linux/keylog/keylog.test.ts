/** Keys of processes and of named files, from the first look to the last. */
import { appendFileSync, mkdirSync, renameSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { followKeylogs, type KeylogOptions } from '../../../../src/linux/keylog/keylog.ts'
import { must, sleep, until } from '../../../helpers/command.ts'
import { type FakeProc, fakeProc } from '../../../helpers/fake-process.ts'
import { keyLine, keyNumbers } from '../../../helpers/key-lines.ts'
import { descriptorCount } from '../../../helpers/leaks.ts'
import { scratch } from '../../../helpers/scratch.ts'

let running: AbortController[] = []
afterEach(() => {
  for (const controller of running) controller.abort()
  running = []
})

async function follow(options: Partial<KeylogOptions>) {
  const controller = new AbortController()
  running.push(controller)
  const numbers: number[] = []
  const found: string[] = []
  const follower = followKeylogs({
    interval: 5,
    lookInterval: 20,
    ...options,
    signal: controller.signal,
    onKeys: lines => numbers.push(...keyNumbers(lines)),
    onFound: ({ path, pid }) => found.push(`${pid ?? 'named'} ${path}`),
  })
  await follower.ready
  const got = (...expected: number[]) =>
    until(`there is ${expected}, not ${numbers}`, () => numbers.length >= expected.length).then(() =>
      expect(numbers).toEqual(expected),
    )
  return { follower, numbers, found, got, stop: () => controller.abort() }
}

/** A process in namespace 7 that writes its keys to /keys in a root of its own. */
function container(proc: FakeProc, pid: number, path = '/keys', root = scratch()) {
  proc.add({ pid, netns: 7, mountns: pid, root, environment: `SSLKEYLOGFILE=${path}\0` })
  return join(root, path)
}

const inSeven = () => [{ inode: 7 }]

describe('a named file', () => {
  test('is read from what stands in it on, when it is cut off, replaced and removed', async () => {
    const path = join(scratch(), 'keys')
    writeFileSync(path, keyLine(1))
    const { found, got, numbers, stop } = await follow({ files: [path] })
    expect(numbers).toEqual([1])
    appendFileSync(path, keyLine(2))
    await got(1, 2)
    renameSync(path, `${path}.1`)
    writeFileSync(path, keyLine(3))
    await got(1, 2, 3)
    appendFileSync(`${path}.1`, keyLine(4))
    await got(1, 2, 3, 4)
    truncateSync(path)
    await sleep(50)
    appendFileSync(path, keyLine(5))
    await got(1, 2, 3, 4, 5)
    unlinkSync(path)
    await sleep(50)
    writeFileSync(path, keyLine(6))
    await got(1, 2, 3, 4, 5, 6)
    expect(found).toEqual([`named ${path}`, `named ${path}`, `named ${path}`])
    stop()
  })

  test('may come later, by a link too', async () => {
    const folder = scratch()
    symlinkSync(join(folder, 'real'), join(folder, 'link'))
    const { got } = await follow({ files: [join(folder, 'link')] })
    writeFileSync(join(folder, 'real'), keyLine(1))
    await got(1)
  })

  test('is refused when it can never be one', async () => {
    const folder = scratch()
    await must('mkfifo', join(folder, 'fifo'))
    const start = (path: string) => followKeylogs({ files: [path], signal: AbortSignal.abort(), onKeys: () => {} })
    for (const path of [folder, join(folder, 'fifo'), '/dev/zero', '/dev/zero/keys'])
      expect(() => start(path), path).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})

describe('keys of processes', () => {
  test('come from every process of the namespaces, and from no other', async () => {
    const proc = fakeProc()
    const [first, second] = [container(proc, 1), container(proc, 2)]
    writeFileSync(first, keyLine(1))
    writeFileSync(second, keyLine(2))
    const host = scratch()
    writeFileSync(join(host, 'keys'), keyLine(3))
    proc.add({ pid: 3, netns: 8, root: host, environment: 'SSLKEYLOGFILE=/keys\0' })
    const { numbers, found, got } = await follow({ namespaces: inSeven, proc: proc.folder })
    expect(numbers.toSorted()).toEqual([1, 2])
    expect(found).toEqual(['1 /keys', '2 /keys'])
    writeFileSync(container(proc, 4), keyLine(4))
    await got(1, 2, 4)
  })

  test('come once, however many processes write to a file and under whatever name', async () => {
    const proc = fakeProc()
    const root = scratch()
    mkdirSync(join(root, 'folder'))
    symlinkSync('/keys', join(root, 'link'))
    const keys = container(proc, 1, '/keys', root)
    for (const [pid, path] of [
      [2, '/keys'],
      [3, '/link'],
      [4, '/folder/../keys'],
    ] as const)
      container(proc, pid, path, root)
    writeFileSync(keys, keyLine(1))
    const { follower, got, numbers } = await follow({ namespaces: inSeven, proc: proc.folder })
    appendFileSync(keys, keyLine(2))
    await got(1, 2)
    expect(follower.counts()).toEqual({ files: 1, skippedBytes: 0 })
    for (const pid of [1, 2, 3, 4]) proc.remove(pid)
    await until('the file is closed', () => follower.counts().files === 0)
    appendFileSync(keys, keyLine(3))
    container(proc, 5, '/keys', root)
    await got(1, 2, 3)
    expect(numbers).toEqual([1, 2, 3])
  })

  test('are read to the end when the process has ended, also from a file that was removed', async () => {
    const proc = fakeProc()
    const [keys, gone] = [container(proc, 1), container(proc, 2)]
    for (const path of [keys, gone]) writeFileSync(path, '')
    const { follower, got } = await follow({ namespaces: inSeven, proc: proc.folder, interval: 100 })
    expect(follower.counts().files).toBe(2)
    appendFileSync(keys, keyLine(1))
    proc.remove(1)
    await got(1)
    appendFileSync(gone, keyLine(2))
    unlinkSync(gone)
    proc.remove(2)
    await got(1, 2)
    expect(follower.counts().files).toBe(0)
  })

  test('are no longer read when the namespace is none of the targets any more', async () => {
    const proc = fakeProc()
    const keys = container(proc, 1)
    writeFileSync(keys, keyLine(1))
    let targets = [{ inode: 7 }]
    const { follower, got } = await follow({ namespaces: () => targets, proc: proc.folder })
    await got(1)
    targets = []
    await until('the file is closed', () => follower.counts().files === 0)
    appendFileSync(keys, keyLine(2))
    await sleep(60)
    targets = [{ inode: 7 }]
    await got(1, 2)
  })

  test('come from so many names and files that no namespace takes everything', async () => {
    const proc = fakeProc()
    const root = scratch()
    for (let pid = 1; pid <= 40; pid++) writeFileSync(container(proc, pid, `/keys-${pid}`, root), '')
    const other = scratch()
    proc.add({ pid: 99, netns: 9, root: other, environment: 'SSLKEYLOGFILE=/keys\0' })
    writeFileSync(join(other, 'keys'), keyLine(9))
    const before = descriptorCount()
    const { follower, numbers, stop } = await follow({
      namespaces: () => [{ inode: 7 }, { inode: 9 }],
      proc: proc.folder,
    })
    expect(numbers).toEqual([9])
    expect(follower.counts().files).toBe(17)
    for (let turn = 0; turn < 5; turn++) {
      for (let pid = 1; pid <= 16; pid++) {
        renameSync(join(root, `keys-${pid}`), join(root, `old-${turn}-${pid}`))
        writeFileSync(join(root, `keys-${pid}`), keyLine(100 + pid))
      }
      await sleep(60)
    }
    expect(follower.counts().files).toBeLessThanOrEqual(16 * 2 + 1)
    stop()
    expect(descriptorCount()).toBe(before)
  })
})
