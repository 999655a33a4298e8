/** One capture of several hosts: this machine and one behind a real service, in one file, in the order of time. */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { mergeStreams, type PacketStream } from '../../src/capture/merged/streams.ts'
import { openOutput } from '../../src/capture/output/output.ts'
import { type CaptureRequest, requestOf } from '../../src/capture/request/request.ts'
import { namedHost } from '../../src/host/choose.ts'
import type { Host } from '../../src/host/host.ts'
import { thisMachine } from '../../src/host/local.ts'
import { interfacesOf } from '../helpers/capture-file.ts'
import { must, run, until } from '../helpers/command.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { scratch } from '../helpers/scratch.ts'
import { type ServiceUnderTest, serve } from '../helpers/service.ts'

let near: NetnsPair
let far: NetnsPair
let service: ServiceUnderTest
let stop: AbortController
let said: string[]
beforeEach(async () => {
  near = await makeNetnsPair()
  far = await makeNetnsPair()
  service = await serve()
  stop = new AbortController()
  said = []
})
afterEach(async () => {
  stop.abort('over')
  await service.close()
  await near.close()
  await far.close()
})

const context = () => ({
  lifetime: { stop: stop.signal, kill: new AbortController().signal },
  onSilence: (line: string) => void said.push(line),
})

function open(host: Host, pair: NetnsPair): Promise<PacketStream> {
  const request: CaptureRequest = {
    ...requestOf([`named:${pair.receiver}`]),
    ...{ interfaces: ['b0'], filter: 'icmp', names: false },
  }
  return host.open(request, context())
}

/** Begins a capture of both. */
async function capture(file: string) {
  const elsewhere = namedHost({ host: service.url, direct: true }, {})
  const streams = await Promise.all([open(thisMachine, near), open(elsewhere, far)])
  const output = await openOutput({ kind: 'file', path: file })
  const report = mergeStreams(streams, output, { stop: {}, windowMs: 1_000 }, context())
  report.catch(() => {})
  expect(await Promise.all(streams.map(({ ready }) => ready))).toEqual([true, true])
  return { report, streams }
}

/** Time and interface of each packet. */
async function packetsIn(file: string): Promise<{ time: number; nif: string }[]> {
  const fields = ['-e', 'frame.time_epoch', '-e', 'frame.interface_name']
  const lines = (await must('tshark', '-r', file, '-T', 'fields', ...fields)).split('\n').filter(Boolean)
  return lines.map(line => {
    const [time, nif = ''] = line.split('\t')
    return { time: Number(time), nif }
  })
}

test('has the packets of both, in the order of time, with the statistics of both', { timeout: 60_000 }, async () => {
  const file = join(scratch(), 'both.pcapng')
  const { report, streams } = await capture(file)
  await Promise.all([near.ping(20), far.ping(20)])
  stop.abort('enough')
  const names = streams.map(({ host }) => `${host}/b0`)
  expect(await report).toMatchObject({
    ...{ end: 'stopped', complete: true, packets: 80, dropped: 0 },
    interfaces: names.map(name => ({ name, received: 40, dropped: 0 })),
  })
  const packets = await packetsIn(file)
  expect(names.map(name => packets.filter(({ nif }) => nif === name).length)).toEqual([40, 40])
  expect(packets).toEqual(packets.toSorted((one, other) => one.time - other.time))
  // Not one after the other: they were sent at the same time.
  expect(packets.slice(0, 40).map(({ nif }) => nif)).toEqual(expect.arrayContaining(names))
  const interfaces = (await interfacesOf(file)).map(({ name, packets, statistics }) => [name, packets, statistics])
  expect(interfaces.toSorted()).toEqual(names.map(name => [name, 40, 1]).toSorted())
  expect(said).toEqual([])
})

test('goes on without a target of the service that goes', { timeout: 60_000 }, async () => {
  const file = join(scratch(), 'gone.pcapng')
  const { report, streams } = await capture(file)
  await far.ping(5)
  // dumpcap loses the last packets of an interface that goes.
  await until('the pings are written', async () => (await packetsIn(`${file}.partial`).catch(() => [])).length === 10)
  await run(['ip', 'netns', 'del', far.sender])
  await run(['ip', 'netns', 'del', far.receiver])
  expect(await streams[1]?.report).toMatchObject({ complete: true })
  await near.ping(5)
  stop.abort('enough')
  expect(await report).toMatchObject({ end: 'stopped', complete: true, packets: 20 })
  expect(await packetsIn(file)).toHaveLength(20)
})

test('goes on without a service that is killed, and says so', { timeout: 60_000 }, async () => {
  const file = join(scratch(), 'killed.pcapng')
  const { report } = await capture(file)
  service.running.child.kill('SIGKILL')
  await until('the loss is told', () => said.length > 0)
  expect(said).toEqual([expect.stringMatching(/^127\.0\.0\.1 is captured no more: .*broke/)])
  await near.ping(5)
  stop.abort('enough')
  expect(await report).toMatchObject({ end: 'stopped', complete: false, packets: 10 })
  expect(await packetsIn(file)).toHaveLength(10)
})
