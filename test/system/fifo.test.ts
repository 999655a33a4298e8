/** Fifos and pipes: opened without ever hanging, and their reader's going is noticed. */
import { spawn } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { isPipe, openFifo } from '../../src/linux/files/fifo.ts'
import { readerCheck } from '../../src/linux/files/readers.ts'
import { end, must, until } from '../helpers/command.ts'
import { scratch } from '../helpers/scratch.ts'

let path: string
beforeEach(async () => {
  path = join(scratch(), 'fifo with blanks and ümlauts')
  await must('mkfifo', path)
})

const openReader = () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)

function flagsOf(fd: number): number {
  return Number.parseInt(/^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '', 8)
}

describe('opening a fifo', () => {
  test('waits for a reader and gives a descriptor that blocks', async () => {
    const opening = openFifo(path, 2_000)
    const reader = openReader()
    const fd = await opening
    expect(flagsOf(fd) & constants.O_NONBLOCK).toBe(0)
    expect(isPipe(fd)).toBe(true)
    expect(writeSync(fd, 'x')).toBe(1)
    closeSync(fd)
    closeSync(reader)
  })

  test('gives up when nobody reads', async () => {
    await expect(openFifo(path, 100)).rejects.toMatchObject({ code: 'CAPTURE_FAILED' })
  })

  test('ends at once when asked to', async () => {
    const stop = new AbortController()
    const opening = openFifo(path, 60_000, stop.signal)
    setTimeout(() => stop.abort(new Error('enough')), 50)
    await expect(opening).rejects.toThrow()
  })

  test('refuses what is no fifo', async () => {
    const file = join(scratch(), 'file')
    writeFileSync(file, 'keep')
    await expect(openFifo(file, 100)).rejects.toMatchObject({ code: 'USAGE' })
    await expect(openFifo(`${file}-missing`, 100)).rejects.toMatchObject({ code: 'USAGE' })
    expect(readFileSync(file, 'utf8')).toBe('keep')
  })
})

describe('the reader is gone', () => {
  test('of a fifo, while nothing is written, even when its name is gone', async () => {
    const reader = openReader()
    const fd = await openFifo(path, 1_000)
    const hasReader = readerCheck(fd)
    await must('rm', path)
    expect(hasReader()).toBe(true)
    closeSync(reader)
    expect(hasReader()).toBe(false)
    closeSync(fd)
  })

  test('of an unnamed pipe', async () => {
    // A shell makes the pipe; its writing end is then borrowed through /proc.
    const shell = spawn('sh', ['-c', 'sleep 100 | sleep 101'], { stdio: 'ignore', detached: true })
    const children = () =>
      readFileSync(`/proc/${shell.pid}/task/${shell.pid}/children`, 'utf8').trim().split(' ').map(Number)
    const command = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    await until(
      'both ends run',
      () => children().filter(pid => pid > 0 && command(pid).startsWith('sleep')).length === 2,
    )
    const [writer = 0, reader = 0] = children().sort((a, b) => (command(a) < command(b) ? -1 : 1))
    const fd = openSync(`/proc/${writer}/fd/1`, 'w')
    const hasReader = readerCheck(fd)
    expect(hasReader()).toBe(true)
    process.kill(reader, 'SIGKILL')
    await until('the reader is missed', () => !hasReader())
    closeSync(fd)
    process.kill(writer, 'SIGKILL')
    await end(shell)
  })

  test('of a file nobody can tell', () => {
    const fd = openSync(join(scratch(), 'file'), 'w')
    expect(readerCheck(fd)()).toBe(true)
    closeSync(fd)
  })
})
