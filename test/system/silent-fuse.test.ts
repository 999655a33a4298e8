/** File systems of others that never answer: nothing that remora looks at makes it wait for one. */
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { isOpenSomewhere } from '../../src/linux/files/readers.ts'
import { readHosts } from '../../src/linux/host/dns.ts'
import { listeningSockets } from '../../src/linux/host/listeners.ts'
import { lookAtKeylog } from '../../src/linux/keylog/place.ts'
import { openNamespaceFile } from '../../src/linux/namespace/netns.ts'
import { readNamespaceInode, readStartTime } from '../../src/linux/process/proc.ts'
import { scratch } from '../helpers/scratch.ts'
import { type SilentFuse, startSilentFuse } from '../helpers/silent-fuse.ts'

let fuse: SilentFuse | undefined
afterEach(async () => {
  await fuse?.close()
  fuse = undefined
})

/** Milliseconds within which the file system would have ended the wait, by its own end. */
const wait = 15_000
const promptly = <T>(look: () => T): T => {
  const began = performance.now()
  const found = look()
  expect(performance.now() - began).toBeLessThan(wait / 3)
  return found
}

test('a process whose root is one', () => rootIsSilent('root'))

test('a process whose root is an overlay of one, which is hidden', () => rootIsSilent('overlay'))

async function rootIsSilent(what: 'root' | 'overlay') {
  fuse = await startSilentFuse(scratch(), what)
  const { pid } = fuse
  expect(promptly(() => listeningSockets(pid, 16))).toEqual([])
  expect(promptly(() => readHosts(pid))).toEqual([])
  expect(promptly(() => lookAtKeylog(keylogOf(pid), () => true))).toBeUndefined()
  expect(() => promptly(() => openNamespaceFile(`/proc/${pid}/root/run/netns/x`))).toThrow(/no network/)
}

function keylogOf(pid: number) {
  const process = { pid, startTime: readStartTime(pid) ?? 0 }
  return { id: '', netns: readNamespaceInode(pid, 'net') ?? 0, process, path: '/keys' }
}

test('a socket below one, and a namespace', async () => {
  const folder = scratch()
  mkdirSync(join(folder, 'netns'))
  fuse = await startSilentFuse(folder, 'socket')
  const { pid } = fuse
  expect(promptly(() => listeningSockets(pid, 16))).toEqual([])
  expect(() => promptly(() => openNamespaceFile(`/proc/${pid}/root${folder}/netns/x`))).toThrow(/no network/)
})

test('a file that is open on one', async () => {
  const file = join(scratch(), 'capture')
  writeFileSync(file, '')
  fuse = await startSilentFuse(scratch(), 'file')
  expect(promptly(() => isOpenSomewhere(file))).toBe(false)
  const descriptor = openSync(file, 'r')
  expect(promptly(() => isOpenSomewhere(file))).toBe(true)
  closeSync(descriptor)
})
