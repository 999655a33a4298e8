/** Interfaces that come and go while a capture of every interface starts: nobody named them, so it goes on with the others. */
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CaptureReport } from '../../src/capture/request/report.ts'
import { type CaptureRequest, requestOf } from '../../src/capture/request/request.ts'
import { thisMachine } from '../../src/host/local.ts'
import { runCapture } from '../../src/host/run.ts'
import { end, must, type Running, start } from '../helpers/command.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { scratch } from '../helpers/scratch.ts'

let pair: NetnsPair
const started: Running[] = []
beforeEach(async () => {
  pair = await makeNetnsPair()
})
afterEach(async () => {
  for (const { child } of started.splice(0)) await end(child)
  await pair.close()
})

/** Adds and removes an interface that is up, without end. */
function flutter(): void {
  const loop =
    'while :; do ip link add d0 up type veth peer name d1; sleep 0.0$((RANDOM % 6)); ip link del d0; sleep 0.1; done'
  started.push(start(['nsenter', `--net=/run/netns/${pair.receiver}`, 'bash', '-c', loop], { stdio: 'ignore' }))
}

async function capture(more: Partial<CaptureRequest>): Promise<CaptureReport | undefined> {
  const request = { ...requestOf([`named:${pair.receiver}`]), names: false, ...more }
  const stop = new AbortController()
  const lifetime = { stop: stop.signal, kill: new AbortController().signal }
  const onArmed = () => stop.abort('armed')
  return await runCapture(
    { host: thisMachine, request },
    { kind: 'file', path: join(scratch(), 'race.pcapng') },
    { lifetime, onArmed },
  )
}

describe.each([
  ['direct', {}],
  ['with a filter', { filter: 'icmp' }],
  ['merged', { window: 300 }],
])('%s', (_, more) => {
  test('goes on with the others', async () => {
    flutter()
    for (let round = 0; round < 30; round++) {
      // A direct capture ends with an interface that goes later.
      expect((await capture(more))?.end).toMatch(/^(stopped|interface-gone)$/)
    }
  }, 120_000)
})

test('tells what happened when none is left', async () => {
  await must('ip', '-n', pair.receiver, 'link', 'set', 'lo', 'down')
  await must('ip', '-n', pair.receiver, 'link', 'set', 'b0', 'down')
  flutter()
  const failures = new Set<string>()
  for (let round = 0; round < 30; round++) {
    await capture({}).catch(error => failures.add(`${error.code}: ${error.message}`))
  }
  const told = `INTERFACE_NOT_FOUND: d0 of /run/netns/${pair.receiver} went before the capture had begun, and no other interface is up`
  expect([...failures].filter(failure => failure !== told)).toEqual([])
}, 120_000)
