/** Captures through `/v1`: asked for, granted, collected once, seen while they run, and ended. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { TargetListJson } from '../../src/protocol/v1/target.ts'
import { checkEvent, checkNote } from '../helpers/api.ts'
import { interfacesOf, pingsIn } from '../helpers/capture-file.ts'
import { end, must, start, until } from '../helpers/command.ts'
import { fakeDocker } from '../helpers/fake-docker.ts'
import { dumpcapsIn, expectNoDumpcap } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair } from '../helpers/netns.ts'
import { scratch } from '../helpers/scratch.ts'
import { captures, running, type ServiceUnderTest, serve } from '../helpers/service.ts'

let pair: NetnsPair
let service: ServiceUnderTest
let target: string
let inode: number
let folder: string
beforeAll(async () => {
  folder = scratch()
  pair = await makeNetnsPair()
  target = `named:${pair.receiver}`
  inode = Number(await must('stat', '-Lc', '%i', `/run/netns/${pair.receiver}`))
  service = await serve()
})
afterAll(async () => {
  await service?.close()
  await pair?.close()
})

/** Notes of the captures of a test, as they came. */
const noted: string[] = []
afterEach(async () => {
  await until('no capture runs', async () => (await captures(service)).length === 0)
  await expectNoDumpcap(inode)
  expect(service.temporary()).toEqual([])
  for (const note of noted.splice(0)) checkNote(note)
})

interface Ticket {
  readonly url: string
  readonly download: string
  readonly path: string
  readonly expires: string
  readonly reference: string
  readonly interfaces: readonly string[]
}

async function ticketFor(body: object): Promise<Ticket> {
  const answer = await service.ask({ target, ...body })
  expect(answer.status).toBe(201)
  return (await answer.json()) as Ticket
}

/** Keeps the body of an answer as a file. */
async function saved(answer: Response, name: string): Promise<string> {
  const file = join(folder, name)
  writeFileSync(file, Buffer.from(await answer.arrayBuffer()))
  return file
}

interface Viewer {
  readonly socket: WebSocket
  readonly notes: Record<string, unknown>[]
  bytes(): Buffer
  readonly closed: Promise<{ code: number; reason: string }>
}

/** A capture over the WebSocket of the platform. */
function view(url: string): Viewer {
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  const notes: Record<string, unknown>[] = []
  const chunks: Buffer[] = []
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') {
      noted.push(data)
      notes.push(JSON.parse(data))
    } else chunks.push(Buffer.from(data))
  }
  const closed = new Promise<{ code: number; reason: string }>(resolve => {
    socket.onclose = ({ code, reason }) => resolve({ code, reason })
  })
  return { socket, notes, bytes: () => Buffer.concat(chunks), closed }
}

describe('what is refused', () => {
  test.each<[string, unknown, number, string]>([
    ['no target', {}, 400, 'USAGE'],
    ['a target that is no text', { target: 7 }, 400, 'USAGE'],
    ['an empty target', { target: '' }, 400, 'USAGE'],
    ['a malformed target', { target: 'pid:x' }, 400, 'USAGE'],
    ['an unknown target', { target: 'named:not-there' }, 404, 'TARGET_NOT_FOUND'],
    ['a process that is gone', { target: 'pid:1@1' }, 410, 'TARGET_STALE'],
    ['a filter', { target: 'SELF', filter: 'no such filter' }, 400, 'FILTER_INVALID'],
    ['a filter of what is waited for', { target: 'named:later', wait: {}, filter: 'tcp)' }, 400, 'FILTER_INVALID'],
    ['an interface', { target: 'SELF', interfaces: ['eth7'] }, 400, 'INTERFACE_NOT_FOUND'],
    ['too long a snaplen', { target: 'SELF', snaplen: 1_000_000 }, 400, 'USAGE'],
    ['no packets at all', { target: 'SELF', stop: { packets: 0 } }, 400, 'USAGE'],
    ['half a packet', { target: 'SELF', stop: { packets: 1.5 } }, 400, 'USAGE'],
    ['a time that never ends', { target: 'SELF', stop: { duration: 1e300 } }, 400, 'USAGE'],
    ['an unknown stop condition', { target: 'SELF', stop: { files: 3 } }, 400, 'USAGE'],
    ['an unknown field', { target: 'SELF', path: '/tmp/x' }, 400, 'USAGE'],
  ])('%s', async (_, body, status, code) => {
    const text = JSON.stringify(body).replace('SELF', target)
    const answer = await service.ask({}, { body: text })
    expect(await answer.json()).toEqual({
      error: expect.objectContaining({ code, message: expect.stringMatching(/./) }),
    })
    expect(answer.status).toBe(status)
  })

  test('a list in place of an object', async () => {
    const answer = await service.ask({}, { body: '[]' })
    expect(await answer.json()).toMatchObject({ error: { message: 'the body must be an object, not a list' } })
    expect(answer.status).toBe(400)
  })

  test('another kind of body', async () => {
    const answer = await service.ask({ target }, { headers: { 'content-type': 'text/plain' } })
    expect(answer.status).toBe(400)
  })
})

describe('a ticket', () => {
  test('says what it is for, and until when', async () => {
    const begin = Date.now()
    const ticket = await ticketFor({ interfaces: ['b0', 'b0'], filter: ' icmp ' })
    expect(ticket).toMatchObject({ reference: target, netns: inode, interfaces: ['b0'], filter: 'icmp' })
    expect(ticket.url).toBe(`ws://127.0.0.1:${service.port}${ticket.path}`)
    expect(ticket.download).toBe(`http://127.0.0.1:${service.port}${ticket.path}.pcapng`)
    expect(Date.parse(ticket.expires) - begin).toBeGreaterThan(55_000)
    expect(Date.parse(ticket.expires) - begin).toBeLessThan(75_000)
  })

  test('is collected by one of those who come at once', async () => {
    const { download, url } = await ticketFor({ stop: { duration: 1 } })
    const answers = await Promise.all([fetch(download), fetch(download), fetch(download), fetch(download)])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404])
    await Promise.all(answers.map(answer => answer.arrayBuffer()))
    expect((await view(url).closed).code).toBe(1006)
  })

  test.each(['', 'x', 'A'.repeat(32), '%00', 'A'.repeat(500)])('that was made up is none: %j', async forged => {
    const answer = await service.get(`/v1/capture/${forged}.pcapng`)
    expect(answer.status).toBe(404)
    await answer.arrayBuffer()
  })

  test('keeps what was prepared for a moment, and means the target that is there when it is collected', async () => {
    const before = service.descriptors()
    const tickets = await Promise.all([1, 2, 3].map(() => ticketFor({ interfaces: ['b0'], stop: { packets: 2 } })))
    const inodes = async () => Number(await must('stat', '-Lc', '%i', `/run/netns/${pair.receiver}`))
    await pair.remake()
    expect(await inodes()).not.toBe(inode)
    inode = await inodes()
    const { notes, closed } = view(tickets[0]?.url ?? '')
    await until('it is armed', () => notes.some(({ note }) => note === 'armed'))
    expect(dumpcapsIn(inode)).toHaveLength(1)
    await pair.ping(2)
    expect(await closed).toMatchObject({ code: 1000 })
    expect(notes.at(-1)).toMatchObject({ note: 'report', packets: 2, complete: true })
    // Those nobody collects are let go long before their tickets are worth nothing.
    await until('no descriptor is left', () => service.descriptors() <= before + 2, 15_000)
    const late = fetch(tickets[1]?.download ?? '')
    await running(service, 1)
    await pair.ping(2)
    expect((await pingsIn(await saved(await late, 'late.pcapng'))).length).toBeGreaterThan(0)
  })

  test('and its capture ask the engine once', async () => {
    const engine = await fakeDocker()
    const inside = start(['nsenter', `--net=/run/netns/${pair.receiver}`, 'sleep', '600'])
    const own = await serve([], { env: { DOCKER_HOST: engine.env.DOCKER_HOST } })
    try {
      engine.add({ name: 'tkt-once', pid: inside.pid })
      const body = { target: 'docker:tkt-once', interfaces: ['b0'], stop: { packets: 1 } }
      const { url } = (await (await own.ask(body)).json()) as Ticket
      const { notes, closed } = view(url)
      await until('it is armed', () => notes.some(({ note }) => note === 'armed'))
      await pair.ping(1)
      expect(await closed).toMatchObject({ code: 1000 })
      expect(engine.asked()).toBe(1)
    } finally {
      await own.close()
      await end(inside.child)
      engine.close()
    }
  })

  test('is not to be had while 250 of the same client wait', async () => {
    const crowded = await serve()
    try {
      const statuses: number[] = []
      let refused: Response | undefined
      const ask = async () => {
        const answer = await crowded.ask({ target: 'named:later', wait: {} })
        statuses.push(answer.status)
        if (answer.status === 429) refused ??= answer
        else await answer.arrayBuffer()
      }
      for (let round = 0; round < 25; round++) await Promise.all(Array.from({ length: 10 }, ask))
      expect(new Set(statuses)).toEqual(new Set([201]))
      await ask()
      expect(refused?.status).toBe(429)
      expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(await refused?.json()).toMatchObject({ error: { code: 'LIMIT' } })
    } finally {
      await crowded.close()
    }
  })
})

describe('a download', () => {
  test('is a file that other tools read', async () => {
    const { download } = await ticketFor({ interfaces: ['b0'], filter: 'icmp' })
    const answer = await fetch(download)
    expect(answer.headers.get('content-type')).toBe('application/vnd.tcpdump.pcap')
    expect(answer.headers.get('content-disposition')).toMatch(/^attachment; filename="[\w.-]+\.pcapng"$/)
    await running(service, 1)
    await pair.ping(5)
    await until('the packets are counted', async () => (await captures(service))[0]?.packets === 10)
    const [{ id, bytes = 0 } = { id: '' }] = await captures(service)
    expect(bytes).toBeGreaterThan(500)
    expect((await service.get(`/v1/captures/${id}`, { method: 'DELETE' })).status).toBe(204)
    const file = await saved(answer, 'download.pcapng')
    expect(await pingsIn(file)).toEqual([1, 2, 3, 4, 5])
    expect(await interfacesOf(file)).toMatchObject([{ name: 'b0', packets: 10, statistics: 1 }])
    expect((await service.get(`/v1/captures/${id}`, { method: 'DELETE' })).status).toBe(404)
  })

  test.each<[string, object, (packets: number, bytes: number) => boolean]>([
    ['packets', { packets: 4 }, packets => packets === 4],
    ['filesize', { filesize: 4 }, (_, bytes) => bytes > 3_000 && bytes < 8_000],
    ['duration', { duration: 1.5 }, packets => packets > 4],
  ])('ends by itself: %s', async (_, stop, holds) => {
    const { download } = await ticketFor({ interfaces: ['b0'], stop })
    const answer = await fetch(download)
    await running(service, 1)
    const pinging = pair.ping(60, 0.01)
    const file = await saved(answer, 'stopped.pcapng')
    await pinging
    const [nif] = await interfacesOf(file)
    const bytes = Number((await must('stat', '-c', '%s', file)).trim())
    expect(holds(nif?.packets ?? 0, bytes), JSON.stringify({ nif, bytes })).toBe(true)
    expect(service.log().at(-1)).toMatchObject({ msg: 'capture ended', end: 'stop-condition' })
  })

  test('ends when its client leaves', async () => {
    const { download } = await ticketFor({})
    const leave = new AbortController()
    await fetch(download, { signal: leave.signal })
    await running(service, 1)
    expect(dumpcapsIn(inode)).toHaveLength(1)
    leave.abort()
    await until('the capture has ended', async () => (await captures(service)).length === 0)
  })
})

describe('over a WebSocket', () => {
  test('notes stand beside the packets, and the last of them is the report', async () => {
    const { url } = await ticketFor({ interfaces: ['b0'], filter: 'icmp' })
    const viewer = view(url)
    await until('the capture is armed', () => viewer.notes.some(({ note }) => note === 'armed'))
    await pair.ping(3)
    await until('progress is told', () => viewer.notes.some(({ packets }) => packets === 6))
    viewer.socket.close(1000, 'enough')
    expect(await viewer.closed).toEqual({ code: 1000, reason: 'ciao' })
    const file = join(folder, 'viewed.pcapng')
    writeFileSync(file, viewer.bytes())
    expect(await pingsIn(file)).toEqual([1, 2, 3])
  })

  test('a target is waited for and followed over its lives', async () => {
    const name = `named:${pair.receiver}-later`
    const later = name.slice('named:'.length)
    const { url } = await ticketFor({ target: name, wait: {}, follow: true, interfaces: ['lo'], filter: 'icmp' })
    const viewer = view(url)
    await until('it waits', async () => (await captures(service))[0]?.phase === 'waiting')
    const live = async (count: number) => {
      await must('ip', 'netns', 'add', later)
      await must('ip', '-n', later, 'link', 'set', 'lo', 'up')
      await until('the capture is armed', () => viewer.notes.filter(({ note }) => note === 'armed').length === count)
      await must('ip', 'netns', 'exec', later, 'ping', '-qc1', '127.0.0.1')
      await until(
        'the packets have come',
        () => Number(viewer.notes.findLast(({ packets }) => packets)?.packets) >= count * 2,
      )
      await must('ip', 'netns', 'del', later)
    }
    await live(1)
    await live(2)
    const [{ id } = { id: '' }] = await captures(service)
    await service.get(`/v1/captures/${id}`, { method: 'DELETE' })
    expect(await viewer.closed).toEqual({ code: 1000, reason: 'stopped by the service' })
    expect(viewer.notes.at(-1)).toMatchObject({ note: 'report', end: 'stopped', lives: 2 })
    const file = join(folder, 'followed.pcapng')
    writeFileSync(file, viewer.bytes())
    expect(await pingsIn(file)).toEqual([1, 1])
  })

  test('a client that leaves while its target is waited for ends the wait', async () => {
    const { url } = await ticketFor({ target: 'named:never', wait: {} })
    const viewer = view(url)
    await until('it waits', async () => (await captures(service))[0]?.phase === 'waiting')
    viewer.socket.close()
    expect(await viewer.closed).toEqual({ code: 1000, reason: 'ciao' })
  })

  test('a wait that is over in vain says so', async () => {
    const { url } = await ticketFor({ target: 'named:never', wait: { timeout: 0.5 } })
    expect(await view(url).closed).toMatchObject({ code: 1008, reason: expect.stringMatching(/^WAIT_TIMEOUT: /) })
  })
})

test('a watch tells what is there, what comes and what goes', async () => {
  const leave = new AbortController()
  const answer = await service.get('/v1/targets/watch', { signal: leave.signal })
  expect(answer.headers.get('content-type')).toBe('text/event-stream')
  let text = ''
  const reading = answer.body?.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({
      write(chunk) {
        text += chunk
      },
    }),
  )
  reading?.catch(() => {})
  const told = (event: string, name: string) =>
    text.split('\n\n').some(part => part.startsWith(`event: ${event}\n`) && part.includes(JSON.stringify(name)))
  const name = `${pair.sender}-seen`
  await until('the host is told', () => text.includes('event: ready'))
  expect(told('appear', `named:${pair.receiver}`)).toBe(true)
  await must('ip', 'netns', 'add', name)
  await until('it appears', () => told('appear', `named:${name}`))
  await must('ip', 'netns', 'del', name)
  await until('it is gone', () => told('gone', `named:${name}`))
  leave.abort()
  for (const [, data = ''] of text.matchAll(/^event: (?!ready).*\n(?:id: .*\n)?data: (.*)$/gm)) checkEvent(data)
})

test('a list and a watch tell a target by the same key', async () => {
  const keys = async () => {
    const { targets } = (await (await service.get('/v1/targets')).json()) as TargetListJson
    return targets.filter(({ reference }) => reference === target).map(({ key }) => key)
  }
  const [key, ...others] = await keys()
  expect([key, others]).toEqual([expect.stringContaining(String(inode)), []])
  const leave = new AbortController()
  const answer = await service.get('/v1/targets/watch', { signal: leave.signal })
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('event: ready')) text += (await reader?.read())?.value ?? ''
  leave.abort()
  expect(text).toContain(`"key":${JSON.stringify(key)}`)
})
