/** PCAP-over-IP: stock Wireshark programs read a capture from a port of the service. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { must, run, start, until } from '../helpers/command.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { remora } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { type ServiceUnderTest, serve } from '../helpers/service.ts'

let pair: NetnsPair
let service: ServiceUnderTest
let inside: string[]
let port: string
const folder = scratch()
beforeAll(async () => {
  pair = await makeNetnsPair()
  // In the very network it captures, where the connection would be seen on lo.
  inside = ['nsenter', `--net=/run/netns/${pair.receiver}`]
  const target = `named:${pair.receiver}`
  service = await serve(['--pcap-over-ip', `127.0.0.1:0=${target}`, '--pcap-over-ip', '0=named:not-there'], {
    prefix: inside,
  })
  const [readers] = service.log().flatMap(({ msg, readers: told }) => (msg === 'listening' ? [told as string[]] : []))
  port = /:(\d+)=/.exec(readers?.[0] ?? '')?.[1] ?? ''
  expect(readers?.[0]).toBe(`127.0.0.1:${port}=${target}`)
})
afterAll(async () => {
  await service?.close()
  await pair?.close()
})

const ended = () => service.log().filter(({ msg }) => msg === 'capture ended')
const armed = async (count: number) =>
  until(`${count} dumpcaps capture`, async () => {
    const { stdout } = await run([...inside, 'cat', '/proc/net/packet'])
    return stdout.trim().split('\n').length - 1 >= count
  })

test('tshark -i TCP@ reads packets live, without the connection that carries them', async () => {
  const file = join(folder, 'a.pcapng')
  const reader = start([...inside, 'tshark', '-q', '-i', `TCP@127.0.0.1:${port}`, '-c', '5', '-w', file])
  await armed(2)
  await pair.ping(10)
  expect(await reader.result).toMatchObject({ status: 0 })
  const shown = await must('tshark', '-r', file, '-T', 'fields', '-e', 'frame.protocols')
  expect(shown.trim().split('\n')).toHaveLength(5)
  expect(new Set(shown.trim().split('\n'))).toEqual(new Set(['eth:ethertype:ip:icmp:data']))
  await until('its capture ends with it', () => ended().length === 1 && service.children().length === 0)
  expect(ended()[0]).toMatchObject({ peer: '127.0.0.1', target: `named:${pair.receiver}` })
})

test('every connection has a capture of its own', async () => {
  const files = [join(folder, 'b.pcapng'), join(folder, 'c.pcapng')]
  const readers = files.map(file =>
    start([...inside, 'dumpcap', '-q', '-i', `TCP@127.0.0.1:${port}`, '-c', '3', '-w', file]),
  )
  await armed(4)
  await pair.ping(10)
  for (const reader of readers) expect(await reader.result).toMatchObject({ status: 0 })
  for (const file of files) expect(await must('capinfos', '-Mc', file)).toMatch(/Number of packets:\s+3/)
  await until('both captures end', () => ended().length === 3)
})

test('a client that speaks, as a browser does, gets nothing, and one whose target is not there neither', async () => {
  const curl = ['curl', '-sS', '--max-time', '20', '--http0.9', '-o', join(folder, 'curl')]
  const { stderr } = await run([...inside, ...curl, `http://127.0.0.1:${port}/`])
  expect(stderr).toMatch(/Empty reply|reset/)
  const [, other] = service.log().flatMap(({ msg, readers }) => (msg === 'listening' ? (readers as string[]) : []))
  const [, second = ''] = /:(\d+)=/.exec(other ?? '') ?? []
  const dumpcap = [...inside, 'dumpcap', '-q', '-i', `TCP@127.0.0.1:${second}`, '-w', join(folder, 'd.pcapng')]
  expect((await run(dumpcap)).status).not.toBe(0)
  await until('why is in the log', () => ended().some(({ end }) => end === 'TARGET_NOT_FOUND'))
})

test('others are not let in: it knows no token', async () => {
  const { status, stderr } = await remora(['serve', '--pcap-over-ip', '0.0.0.0:57012'])
  expect([status, stderr]).toEqual([2, expect.stringMatching(/knows no token[\s\S]*hint: .*ssh -L/)])
})
