/** The capture that begins on `any` hands over to those of the interfaces: every packet is in the file, and once. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CaptureReport } from '../../src/capture/request/report.ts'
import { type CaptureRequest, requestOf } from '../../src/capture/request/request.ts'
import { thisMachine } from '../../src/host/local.ts'
import { runCapture } from '../../src/host/run.ts'
import { pingsIn } from '../helpers/capture-file.ts'
import { must, run, until } from '../helpers/command.ts'
import { untilReading } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { scratch } from '../helpers/scratch.ts'

let pair: NetnsPair
let stop: AbortController
beforeEach(async () => {
  pair = await makeNetnsPair()
  stop = new AbortController()
})
afterEach(async () => {
  stop.abort('over')
  await pair.close()
})

const pings = 100
const everyPing = Array.from({ length: pings }, (_, index) => index + 1)

function follow(
  file: string,
  more: Partial<CaptureRequest> = {},
  onPending = () => {},
): Promise<CaptureReport | undefined> {
  const request: CaptureRequest = {
    ...requestOf([`named:${pair.receiver}`]),
    ...{ filter: 'icmp', wait: {}, follow: true, names: false },
    ...more,
  }
  const lifetime = { stop: stop.signal, kill: new AbortController().signal }
  const result = runCapture({ host: thisMachine, request }, { kind: 'file', path: file }, { lifetime, onPending })
  result.catch(() => {})
  return result
}

const remove = async () => {
  for (const name of [pair.receiver, pair.sender]) await run(['ip', 'netns', 'del', name])
}

test.each([
  ['of all interfaces', 'dumpcap', {}],
  ['of one', 'dumpcap', { interfaces: ['b0'] }],
  ['of all interfaces at once', 'tcpdump', { immediate: true }],
])(
  'over many lives of a namespace, %s',
  async (_, program, more) => {
    const file = join(scratch(), 'lives.pcapng')
    await remove()
    const result = follow(file, more)
    const lives = 6
    const seen = async () => (await pingsIn(file).catch(() => pingsIn(`${file}.partial`))).length
    for (let life = 1; life <= lives; life++) {
      await pair.remake()
      await untilReading(statSync(`/run/netns/${pair.receiver}`).ino, { program })
      await pair.ping(pings, 0.02)
      await until(`the pings of life ${life} are in the file`, async () => (await seen()) >= life * pings, 3_000).catch(
        () => {},
      )
      await remove()
    }
    stop.abort('over')
    const report = await result
    expect(report).toMatchObject({ end: 'stopped', complete: true, lives, dropped: 0 })
    const numbers = await pingsIn(file)
    const all = Array.from({ length: lives }, () => everyPing).flat()
    expect(numbers.toSorted((one, other) => one - other)).toEqual(all.toSorted((one, other) => one - other))
    const replies = await must('tshark', '-r', file, '-Y', 'icmp.type == 0', '-T', 'fields', '-e', 'icmp.seq')
    expect(replies.split('\n').filter(Boolean)).toHaveLength(all.length)
    // What stands out of order is counted.
    if (numbers.some((number, at) => number !== all[at])) expect(report?.late).toBeGreaterThan(0)
  },
  120_000,
)

test('an interface that is renamed is captured on, and once', async () => {
  const file = join(scratch(), 'renamed.pcapng')
  const result = follow(file, { wait: undefined })
  await untilReading(statSync(`/run/netns/${pair.receiver}`).ino, { count: 2 })
  await must('ip', '-n', pair.receiver, 'link', 'set', 'b0', 'name', 'other')
  await must('ip', '-n', pair.receiver, 'link', 'add', 'b0', 'type', 'veth', 'peer', 'name', 'b1')
  await must('ip', '-n', pair.receiver, 'link', 'set', 'b0', 'up')
  // One that has the old name is another one.
  await untilReading(statSync(`/run/netns/${pair.receiver}`).ino, { count: 3 })
  await pair.ping(pings, 0.005)
  await until('the pings are in the file', async () => (await pingsIn(`${file}.partial`)).length >= pings)
  stop.abort('over')
  await result
  expect(await pingsIn(file)).toEqual(everyPing)
})

test('an interface that goes during the handover ends a capture that does not follow', async () => {
  await remove()
  const pending = Promise.withResolvers<void>()
  const file = join(scratch(), 'gone.pcapng')
  const result = follow(file, { follow: false, interfaces: ['b0'] }, pending.resolve)
  await pending.promise
  await pair.remake()
  // One reads on any since the namespace came, the other on b0.
  await untilReading(statSync(`/run/netns/${pair.receiver}`).ino, { count: 2 })
  await pair.ping(3)
  await must('ip', '-n', pair.receiver, 'link', 'del', 'b0')
  expect(await result).toMatchObject({ end: 'interface-gone', goneInterface: 'b0' })
  expect(await pingsIn(file)).toEqual([1, 2, 3])
})
