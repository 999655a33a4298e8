/** Three hundred captures one after another and side by side leave the service as it was. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { must, until } from '../helpers/command.ts'
import { expectNoDumpcap } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { captures, type ServiceUnderTest, serve } from '../helpers/service.ts'
import { stockCapture } from '../helpers/stock-client.ts'

let pair: NetnsPair
let service: ServiceUnderTest
beforeAll(async () => {
  pair = await makeNetnsPair()
  service = await serve()
})
afterAll(async () => {
  await service?.close()
  await pair?.close()
})

async function oneCapture(number: number): Promise<void> {
  if (number % 3 === 0) {
    const body = { target: `named:${pair.receiver}`, interfaces: ['b0'], stop: { duration: 0.01 } }
    const { download } = (await (await service.ask(body)).json()) as { download: string }
    expect((await (await fetch(download)).arrayBuffer()).byteLength).toBeGreaterThan(100)
    return
  }
  const target = { name: `/run/netns/${pair.receiver}`, type: 'bindmount', 'network-interfaces': ['b0'] }
  const capture = stockCapture({ base: service.url, target })
  await capture.waitForBytes(100, 20_000)
  if (number % 3 === 1) expect(await capture.stop()).toMatchObject({ code: 1000, reason: 'ciao', clean: true })
  else capture.destroy()
}

/** Twelve at a time. */
async function manyCaptures(count: number): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) await oneCapture(next++)
  }
  await Promise.all(Array.from({ length: 12 }, worker))
  await until('no capture runs', async () => (await captures(service)).length === 0)
  await until('no process is left', () => service.children().length === 0)
}

test('memory, descriptors, processes and files are as at the start', async () => {
  // V8 takes what it will use for a while; only then can growth be seen.
  await manyCaptures(100)
  const before = { descriptors: service.descriptors(), memory: service.memory() }
  await manyCaptures(300)
  await expectNoDumpcap(Number(await must('stat', '-Lc', '%i', `/run/netns/${pair.receiver}`)))
  await until('no descriptor is left', () => service.descriptors() <= before.descriptors + 5, 15_000)
  expect(service.memory() - before.memory).toBeLessThan(48)
  expect(service.temporary()).toEqual([])
  expect(service.log().filter(({ level, end }) => level === 50 || end === 'BUG')).toEqual([])
  const { containers } = (await (await service.get('/mobyshark')).json()) as { containers: { name: string }[] }
  expect(containers.filter(({ name }) => name.startsWith('dumpcap('))).toEqual([])
})
