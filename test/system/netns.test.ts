/** Namespaces by descriptor: the right one is entered, a wrong one never. */
import { spawn } from 'node:child_process'
import { readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isStillThere, openNamespaceFile, openProcessNamespace } from '../../src/linux/namespace/netns.ts'
import { listInterfaces } from '../../src/linux/network/iproute.ts'
import { readNamespaceInode, readStartTime } from '../../src/linux/process/proc.ts'
import { end, must, until } from '../helpers/command.ts'
import { descriptorCount } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { scratch } from '../helpers/scratch.ts'

let pair: NetnsPair
let before: number
beforeAll(async () => {
  pair = await makeNetnsPair()
  before = descriptorCount()
})
afterAll(async () => {
  expect(descriptorCount()).toBe(before)
  await pair.close()
})

async function sleeper(name: string) {
  const child = spawn('nsenter', [`--net=/run/netns/${name}`, '--', 'sleep', '1000'], { stdio: 'ignore' })
  const wanted = statSync(`/run/netns/${name}`).ino
  await until('the sleeper is in its namespace', () => readNamespaceInode(child.pid ?? 0, 'net') === wanted)
  return child
}

describe('a namespace', () => {
  test('is opened by path and by process, and both are the same one', async () => {
    const child = await sleeper(pair.receiver)
    const byPath = openNamespaceFile(`/run/netns/${pair.receiver}`)
    const byProcess = openProcessNamespace(child.pid ?? 0)
    expect(byPath.inode).toBe(byProcess.inode)
    expect((await listInterfaces(byPath)).map(({ name }) => name)).toEqual(['lo', 'b0'])
    expect(await listInterfaces(byProcess)).toEqual(await listInterfaces(byPath))
    byPath.close()
    byProcess.close()
    await end(child)
  })

  test('is still there until its process ends or its mount is removed', async () => {
    const child = await sleeper(pair.receiver)
    const byProcess = openProcessNamespace(child.pid ?? 0)
    expect(isStillThere(byProcess)).toBe(true)
    await end(child)
    expect(isStillThere(byProcess)).toBe(false)
    byProcess.close()
    const other = await makeNetnsPair()
    const byPath = openNamespaceFile(`/run/netns/${other.sender}`)
    expect(isStillThere(byPath)).toBe(true)
    await other.close()
    expect(isStillThere(byPath)).toBe(false)
    byPath.close()
  })

  test('is entered through the descriptor even when process and mount are gone', async () => {
    const other = await makeNetnsPair()
    const opened = openNamespaceFile(`/run/netns/${other.receiver}`)
    await must('ip', 'netns', 'del', other.receiver)
    expect((await listInterfaces(opened)).map(({ name }) => name)).toEqual(['lo', 'b0'])
    opened.close()
    await other.close()
  })

  test('the own one needs no entering', () => {
    const own = openProcessNamespace(process.pid)
    expect(own.own).toBe(true)
    own.close()
  })
})

describe('what is not the one meant is refused', () => {
  test('a place where nothing is mounted yet is none, any other file never will be', () => {
    const path = join(scratch(), 'place')
    writeFileSync(path, '')
    expect(() => openNamespaceFile(path)).toThrow(expect.objectContaining({ code: 'TARGET_NOT_FOUND' }))
    writeFileSync(path, 'text')
    expect(() => openNamespaceFile(path)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })

  test('a process number that was reused', async () => {
    const child = await sleeper(pair.receiver)
    const startTime = readStartTime(child.pid ?? 0) ?? 0
    expect(() => openProcessNamespace(child.pid ?? 0, { startTime: startTime - 1 })).toThrow(
      expect.objectContaining({ code: 'TARGET_STALE' }),
    )
    await end(child)
  })

  test('an inode that belongs to another namespace now', () => {
    const path = `/run/netns/${pair.receiver}`
    expect(() => openNamespaceFile(path, 4026531840)).toThrow(expect.objectContaining({ code: 'TARGET_STALE' }))
    expect(() => openProcessNamespace(process.pid, { inode: 1 })).toThrow(
      expect.objectContaining({ code: 'TARGET_STALE' }),
    )
  })

  test('a process that is not there', () => {
    expect(() => openProcessNamespace(2 ** 22)).toThrow(expect.objectContaining({ code: 'TARGET_NOT_FOUND' }))
  })

  test('files that are no network namespace', async () => {
    const folder = scratch()
    const file = join(folder, 'file')
    writeFileSync(file, 'text')
    await must('mkfifo', join(folder, 'fifo'))
    for (const path of [file, join(folder, 'fifo'), folder, '/dev/null', '/proc/self/ns/mnt']) {
      expect(() => openNamespaceFile(path), path).toThrow(expect.objectContaining({ code: 'USAGE' }))
    }
    expect(() => openNamespaceFile(join(folder, 'missing'))).toThrow(
      expect.objectContaining({ code: 'TARGET_NOT_FOUND' }),
    )
    expect(readlinkSync('/proc/self/ns/mnt')).toMatch(/^mnt:/)
  })
})
