/** How a program that starts a capture learns that it waits, that it runs, and that it has ended. */
import { closeSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pingsIn } from '../helpers/capture-file.ts'
import { must, run, start, until } from '../helpers/command.ts'
import { dumpcapsIn } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { environment, executable, remora, startRemora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'

let pair: NetnsPair
beforeAll(async () => {
  pair = await makeNetnsPair()
})
afterAll(() => pair.close())

const target = () => `named:${pair.receiver}`
const events = (output: string) =>
  output
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))

describe('--ready-fd', () => {
  test.each([
    ['direct', []],
    ['merged', ['--direction']],
  ])('says one empty line when a %s capture is armed, and closes the descriptor', async (_way, options) => {
    const file = join(scratch(), 'ready.pcapng')
    const args = ['capture', target(), '-i', 'b0', '-w', file, '--ready-fd', '3', ...options]
    const capture = start([executable, ...args], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env: environment() })
    // The end of the descriptor comes while the capture runs: no dumpcap holds it.
    expect(await text(capture.child.stdio[3] as NodeJS.ReadableStream)).toBe('\n')
    expect(capture.child.exitCode).toBeNull()
    await pair.ping(2)
    capture.child.kill('SIGINT')
    expect(await capture.result).toMatchObject({ status: 0, stdout: '', stderr: '' })
    expect(await pingsIn(file)).toEqual([1, 2])
  })

  test('says nothing of a capture that is never armed', async () => {
    const args = ['capture', '--wait=0.2', 'never', '-w', join(scratch(), 'never'), '--ready-fd', '3']
    const capture = start([executable, ...args], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env: environment() })
    expect(await text(capture.child.stdio[3] as NodeJS.ReadableStream)).toBe('')
    expect((await capture.result).status).toBe(10)
  })

  test('does not end a capture whose reader has gone', async () => {
    const file = join(scratch(), 'gone.pcapng')
    const args = ['capture', target(), '-w', file, '-a', 'duration:0.3', '--ready-fd', '3']
    const capture = start([executable, ...args], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env: environment() })
    capture.child.stdio[3]?.destroy()
    expect(await capture.result).toMatchObject({ status: 0, stderr: '' })
  })

  test('refuses what nobody handed down, the descriptors of node among it', async () => {
    const own = Array.from({ length: 40 }, (_, index) => String(index + 3))
    for (const number of ['2', '-1', 'x', '', '3.5', '99999999999', ...own]) {
      const { status, stderr } = await remora(['capture', target(), '-w', '/dev/null', `--ready-fd=${number}`])
      expect([number, status, stderr]).toEqual([number, 2, expect.stringMatching(/^remora: USAGE: .* --ready-fd /)])
    }
  })

  test('refuses a descriptor that is open for reading only', async () => {
    const fd = openSync('/dev/null', 'r')
    try {
      const args = ['capture', target(), '-w', join(scratch(), 'refused'), '--ready-fd', '3']
      const stdio = ['ignore', 'pipe', 'pipe', fd] as const
      const { status, stderr } = await run([executable, ...args], { stdio: [...stdio], env: environment() })
      expect([status, stderr]).toEqual([2, expect.stringMatching(/cannot be written/)])
    } finally {
      closeSync(fd)
    }
  })
})

describe('--json-lines', () => {
  test('tells of waiting, armed and the report, each in a line', async () => {
    const file = join(scratch(), 'events.pcapng')
    const name = `rt-ready-${process.pid}`
    const running = startRemora(['capture', '--wait', `named:${name}`, '-w', file, '-a', 'packets:2', '--json-lines'])
    let told = ''
    running.child.stdout?.on('data', chunk => {
      told += chunk
    })
    await until('it waits', () => told.endsWith('\n'))
    expect(events(told)).toEqual([{ time: expect.any(String), event: 'waiting', reference: `named:${name}` }])
    await must('ip', 'netns', 'add', name)
    try {
      await must('ip', '-n', name, 'link', 'set', 'lo', 'up')
      await until('it captures', () => told.includes('"armed"'))
      await must('nsenter', `--net=/run/netns/${name}`, 'ping', '-q', '-c', '1', '127.0.0.1')
      const { status, stdout, stderr } = await running.result
      expect([status, stderr]).toEqual([0, ''])
      expect(events(stdout)).toMatchObject([
        { event: 'waiting' },
        { event: 'armed', reference: `named:${name}` },
        { event: 'ended', reference: `named:${name}`, end: 'stop-condition', packets: 2, file },
      ])
    } finally {
      await run(['ip', 'netns', 'del', name])
    }
  })

  test('is on standard error where the packets have standard output', async () => {
    const args = ['capture', target(), '-a', 'duration:0.2', '--json-lines']
    const capture = start([executable, ...args], { stdio: ['ignore', 'ignore', 'pipe'], env: environment() })
    const { stderr } = await capture.result
    expect(events(stderr).map(({ event }) => event)).toEqual(['armed', 'ended'])
  })

  test.each([
    ['direct', []],
    ['merged', ['--direction']],
  ])('that cannot be written are a failure of a %s capture, which ends as a whole', async (_way, options) => {
    const file = join(scratch(), 'full.pcapng')
    const full = openSync('/dev/full', 'w')
    try {
      const args = ['capture', target(), '-w', file, '-a', 'duration:0.3', '--json-lines', ...options]
      const { status, stderr } = await run([executable, ...args], {
        stdio: ['ignore', full, 'pipe'],
        env: environment(),
      })
      expect([status, stderr]).toEqual([7, expect.stringMatching(/CAPTURE_FAILED: cannot write to standard output/)])
      await must('capinfos', file)
      expect(dumpcapsIn(statSync(`/run/netns/${pair.receiver}`).ino)).toEqual([])
    } finally {
      closeSync(full)
    }
  })

  test.each(['--json', '--dry-run'])('is not for %s as well', async option => {
    const { status, stderr } = await remora(['capture', target(), '--json-lines', option])
    expect([status, stderr]).toEqual([2, expect.stringMatching(/cannot be used with/)])
  })
})
