/**
 * A capture of the network it leaves by does not capture itself: every packet of it would make another. Whoever wants
 * just that, says so.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { must, sleep, until } from '../helpers/command.ts'
import { scratch } from '../helpers/scratch.ts'
import { captures, running, type ServiceUnderTest, serve } from '../helpers/service.ts'
import { stockCapture } from '../helpers/stock-client.ts'

let service: ServiceUnderTest
let folder: string
beforeAll(async () => {
  folder = scratch()
  service = await serve()
})
afterAll(() => service?.close())

/** Packets of a capture that belong to the connection of a client. */
async function packetsOfStream(bytes: Buffer, port: number): Promise<number> {
  const file = join(folder, 'own.pcapng')
  writeFileSync(file, bytes)
  const filter = `tcp.port == ${port} && tcp.port == ${service.port}`
  const { length } = (await must('tshark', '-r', file, '-Y', filter, '-T', 'fields', '-e', 'frame.number'))
    .split('\n')
    .filter(Boolean)
  return length
}

const host = { name: 'systemd(1)', type: 'host' }

test('the stream is left out, and the file says so', async () => {
  const capture = stockCapture({ base: service.url, target: host, nifs: ['lo'] })
  await running(service, 1)
  const { localPort = 0 } = capture.socket
  const other = stockCapture({ base: service.url, target: host, nifs: ['lo'], filter: `tcp port ${localPort}` })
  await running(service, 2)
  await sleep(1_000)
  expect(await other.stop()).toMatchObject({ code: 1000 })
  expect(await capture.stop()).toMatchObject({ code: 1000 })
  expect(await packetsOfStream(capture.bytes(), localPort)).toBe(0)
  const comment = capture.bytes().toString('latin1')
  expect(comment).toContain(`own-stream-filter: not (tcp and host 127.0.0.1 and port ${localPort} and port`)
})

test('an idle capture of the whole host stays small', async () => {
  const port = String(20_000 + (process.pid % 10_000))
  const filter = `tcp port ${service.port} or udp port ${port}`
  const capture = stockCapture({ base: service.url, target: host, filter })
  await until('it runs', () => capture.bytes().length > 100)
  await sleep(1_000)
  // Other clients of the service are captured, but each of their packets only once.
  await captures(service)
  await sleep(300)
  await capture.stop()
  expect(await packetsOfStream(capture.bytes(), capture.socket.localPort ?? 0)).toBe(0)
  expect(capture.bytes().length).toBeLessThan(100_000)
})

test.each<[string, boolean]>([
  ['a stock client', true],
  ['a ticket', false],
])('%s may ask for it to be left in', async (_, stock) => {
  if (stock) {
    const capture = stockCapture({ base: service.url, target: host, nifs: ['lo'], query: { 'include-self': '' } })
    await capture.waitForBytes(20_000, 20_000)
    const { localPort = 0 } = capture.socket
    await capture.stop()
    expect(await packetsOfStream(capture.bytes(), localPort)).toBeGreaterThan(3)
    expect(capture.bytes().toString('latin1')).not.toContain('own-stream-filter')
    return
  }
  const body = { target: 'host', interfaces: ['lo'], includeSelf: true, stop: { duration: 1.5, packets: 300 } }
  const { download } = (await (await service.ask(body)).json()) as { download: string }
  const bytes = Buffer.from(await (await fetch(download)).arrayBuffer())
  const file = join(folder, 'included.pcapng')
  writeFileSync(file, bytes)
  const own = await must('tshark', '-r', file, '-Y', `tcp.port == ${service.port}`, '-T', 'fields', '-e', 'tcp.len')
  expect(own.split('\n').length).toBeGreaterThan(10)
})
