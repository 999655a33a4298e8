/** Packets that do not reach their file, for every reason there is: the capture ends, says why, and keeps what it has. */
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startCapture } from '../helpers/capture.ts'
import { pingsIn } from '../helpers/capture-file.ts'
import { end, must, type Running, run, start, until } from '../helpers/command.ts'
import { startFailingFuse } from '../helpers/failing-fuse.ts'
import { makeNetnsPair, type NetnsPair, receiverAddress } from '../helpers/netns.ts'
import { startRemora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { serve } from '../helpers/served.ts'

let pair: NetnsPair
let pings: Running
beforeAll(async () => {
  pair = await makeNetnsPair()
  const ping = ['ping', '-q', '-i', '0.002', '-s', '1400', receiverAddress]
  pings = start(['nsenter', `--net=/run/netns/${pair.sender}`, ...ping], {}, 200_000)
})
afterAll(async () => {
  await end(pings.child)
  await pair.close()
})

const started: Running[] = []
const mounts: string[] = []
const servers: (() => Promise<void>)[] = []
let folder: string
beforeEach(() => {
  folder = scratch()
})
afterEach(async () => {
  for (const { child } of started.splice(0)) await end(child)
  for (const mount of mounts.splice(0).reverse()) await run(['umount', '--lazy', mount])
  for (const close of servers.splice(0)) await close()
})

/** Starts a capture, and waits until its file has grown. */
async function capture(file: string, limit: readonly string[], options: readonly string[]): Promise<Running> {
  const running = startCapture([`named:${pair.receiver}`, '-i', 'b0', '-w', file, ...options], { under: limit })
  started.push(running)
  await running.armed()
  return running
}

/** Mounts a file system of 32 MiB in a file, on one that has room for so much. */
async function mountImage(room: string): Promise<string> {
  const [host, disk] = [join(folder, 'host'), join(folder, 'disk')]
  for (const path of [host, disk]) mkdirSync(path)
  await must('mount', '-t', 'tmpfs', '-o', `size=${room}`, 'remora-test', host)
  mounts.push(host)
  const image = join(host, 'image')
  await must('truncate', '-s', '32m', image)
  await must('mkfs.ext4', '-q', '-O', '^has_journal', image)
  await must('mount', '-o', 'loop,errors=remount-ro', image, disk)
  mounts.push(disk)
  return join(disk, 'packets.pcapng')
}

/** Mounts a file system that begins to fail when it is told to; `umount` ends its process. */
async function mountFailing(what: 'write' | 'fsync', error: string) {
  const disk = join(folder, 'disk')
  mkdirSync(disk)
  const { fail, close } = await startFailingFuse(disk, what, error)
  mounts.push(disk)
  servers.push(close)
  return { file: join(disk, 'packets.pcapng'), fail }
}

/** Takes the room that is left on a file system. */
function fill(path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(64 * 1024 * 1024))
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' })
  }
}

/** Waits until a capture has written packets. */
function written(file: string): Promise<void> {
  return until(
    'packets are written',
    () => (statSync(`${file}.partial`, { throwIfNoEntry: false })?.size ?? 0) > 20_000,
  )
}

const routes = [
  ['direct', []],
  ['merged', ['--direction']],
] as const

test('a capture through a service ends as a failure when the disk does not take what was written', async () => {
  const service = await serve()
  servers.push(service.close)
  const { file, fail } = await mountFailing('fsync', 'EIO')
  await fail()
  const args = ['capture', `named:${pair.receiver}`, '--host', `http://${service.address}`, '-w', file]
  const running = startRemora(args)
  started.push(running)
  await written(file)
  running.child.kill('SIGINT')
  const { status, stderr } = await running.result
  expect([status, stderr]).toEqual([
    7,
    expect.stringMatching(/^remora: CAPTURE_FAILED: cannot write the capture: EIO.*\nhint: /s),
  ])
})

describe.each(routes)('a %s capture ends as a failure', (_, options) => {
  test('when its file system is shut down under it', async () => {
    const file = await mountImage('40m')
    const running = await capture(file, [], options)
    await written(file)
    // EXT4_IOC_SHUTDOWN of linux/ext4.h: every write is an I/O error from now on.
    const shutdown = 'open(F, "<", $ARGV[0]) or die; $how = pack("L", 2); ioctl(F, 0x8004587d, $how) or die $!'
    await must('perl', '-e', shutdown, `${file}.partial`)
    const { status, stderr } = await running.result
    expect([status, stderr]).toEqual([
      7,
      expect.stringMatching(/^remora: CAPTURE_FAILED: cannot write the capture: EIO.*\nhint: /s),
    ])
  })

  test('when the disk does not take what was written: a file on a file system that is full', async () => {
    const file = await mountImage('1200k')
    const running = await capture(file, [], options)
    const { status, stderr } = await running.result
    expect([status, stderr]).toEqual([
      7,
      expect.stringMatching(/^remora: CAPTURE_FAILED: (?:the disk is full|cannot write the capture: EIO).*\nhint: /s),
    ])
  })

  test('when its file system has become read-only', async () => {
    const file = await mountImage('40m')
    const running = await capture(file, [], options)
    await written(file)
    const device = (await must('findmnt', '-n', '-o', 'SOURCE', join(folder, 'disk'))).trim()
    writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, 'a test')
    const { status, stderr } = await running.result
    expect([status, stderr]).toEqual([
      7,
      expect.stringMatching(/^remora: CAPTURE_FAILED: .*cannot write the capture: EROFS.*\nhint: /s),
    ])
  })

  test('when the quota of its user is used up', async () => {
    const { file, fail } = await mountFailing('write', 'EDQUOT')
    const running = await capture(file, [], options)
    await written(file)
    await fail()
    const { status, stderr } = await running.result
    expect([status, stderr]).toEqual([
      7,
      expect.stringMatching(/^remora: CAPTURE_FAILED: the quota of this user is used up.*\nhint: /s),
    ])
    expect((await pingsIn(file)).length).toBeGreaterThan(10)
  })

  test('when the disk does not take what was written, and the capture is stopped before it is asked', async () => {
    const { file, fail } = await mountFailing('fsync', 'EIO')
    await fail()
    const running = await capture(file, [], options)
    await written(file)
    running.child.kill('SIGINT')
    const { status, stderr } = await running.result
    expect([status, stderr]).toEqual([
      7,
      expect.stringMatching(/^remora: CAPTURE_FAILED: cannot write the capture: EIO.*\nhint: /s),
    ])
    expect((await pingsIn(file)).length).toBeGreaterThan(10)
  })

  test('when the disk below a file system is full, and the capture is stopped before it is asked', async () => {
    const file = await mountImage('40m')
    fill(join(folder, 'host', 'filler'))
    const running = await capture(file, [], options)
    await written(file)
    running.child.kill('SIGINT')
    const { status, stderr } = await running.result
    expect([status, stderr]).toEqual([
      7,
      expect.stringMatching(/^remora: CAPTURE_FAILED: (?:the disk is full|cannot write the capture: EIO).*\nhint: /s),
    ])
  })

  test('when the file may grow no larger', async () => {
    const file = join(folder, 'packets.pcapng')
    const running = await capture(file, ['prlimit', '--fsize=60000', '--'], options)
    const { status, stderr } = await running.result
    expect([status, stderr]).toEqual([
      7,
      expect.stringMatching(/^remora: CAPTURE_FAILED: the file may grow no larger \(ulimit -f\).*\nhint: /s),
    ])
    expect((await pingsIn(file)).length).toBeGreaterThan(10)
    expect(existsSync(`${file}.partial`)).toBe(false)
  })
})
