/** Whatever dies, and whenever: nothing is left running, no file stays, and the service serves on. */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { pingsIn } from '../helpers/capture-file.ts'
import { end, must, sleep, until } from '../helpers/command.ts'
import { dumpcapsIn, expectNoDumpcap } from '../helpers/leaks.ts'
import { makeNetnsPair, type NetnsPair, receiverAddress } from '../helpers/netns.ts'
import { scratch } from '../helpers/scratch.ts'
import { captures, connectRaw, running, type ServiceUnderTest, serve } from '../helpers/service.ts'
import { type Capture, stockCapture } from '../helpers/stock-client.ts'

let pair: NetnsPair
let inode: number
let folder: string
let service: ServiceUnderTest
let descriptors: number
beforeAll(async () => {
  folder = scratch()
  pair = await makeNetnsPair()
  inode = Number(await must('stat', '-Lc', '%i', `/run/netns/${pair.receiver}`))
})
afterAll(() => pair?.close())
beforeEach(async () => {
  service = await serve()
  // Looked at once, so that what is opened once and kept is open.
  await once()
  descriptors = service.descriptors()
})
afterEach(async () => {
  await service.close()
  await expectNoDumpcap(inode)
  expect(service.temporary()).toEqual([])
})

function capture(read = true): Capture {
  const target = { name: `/run/netns/${pair.receiver}`, type: 'bindmount', 'network-interfaces': ['b0'] }
  return stockCapture({ base: service.url, target, read })
}

async function once(): Promise<void> {
  const first = capture()
  await first.waitForBytes(100)
  await first.stop()
  await nothingLeft()
}

/** Within five seconds. */
async function nothingLeft(): Promise<void> {
  const left = async () => [service.children().length, service.temporary().length, (await captures(service)).length]
  await until('nothing is left', async () => (await left()).every(count => count === 0), 5_000)
  await expectNoDumpcap(inode)
}

async function asBefore(): Promise<void> {
  await nothingLeft()
  // Connections of this test's own are closed by both sides in their own time.
  await until('no descriptor is left', () => service.descriptors() <= descriptors + 2, 5_000)
  await once()
}

/** A moment in the life of a capture. */
const moments: Record<string, (capture: Capture) => Promise<void>> = {
  'while it is prepared': async () => sleep(Math.random() * 40),
  'while it runs': async capture => void (await capture.waitForBytes(100)),
  async 'while it is stopped'(capture) {
    await capture.waitForBytes(100)
    capture.stop()
    await sleep(100)
  },
}

describe.each(Object.entries(moments))('%s', (_, reach) => {
  test('the client goes without a word', async () => {
    for (let round = 0; round < 5; round++) {
      const one = capture()
      await reach(one)
      one.destroy()
    }
    await asBefore()
  })

  test('the service is killed', async () => {
    const one = capture()
    await reach(one)
    service.running.child.kill('SIGKILL')
    await service.running.result
    await one.closed
    await expectNoDumpcap(inode)
    await until('no nsenter is left', () => dumpcapsIn(inode).length === 0)
    // The folder of a pipe lives for the moment it takes to make it.
    if (service.temporary().length > 0)
      await must('rm', '-rf', ...service.temporary().map(name => join(service.folder, name)))
  })

  test('dumpcap is killed', async () => {
    const one = capture()
    await reach(one)
    for (const pid of dumpcapsIn(inode)) process.kill(pid, 'SIGKILL')
    const closed = await Promise.race([one.closed, sleep(3_000)])
    if (closed === undefined) await one.stop()
    else expect([1000, 1011]).toContain(closed.code)
    await asBefore()
  })
})

test('a client killed by its system takes its capture along', async () => {
  const { path } = (await (await service.ask({ target: `named:${pair.receiver}` })).json()) as { path: string }
  const client = spawn('curl', ['-s', '-o', '/dev/null', `${service.url}${path}.pcapng`])
  await running(service, 1)
  await end(client)
  await asBefore()
})

test('a service that is asked to end completes what is being downloaded', async () => {
  const ask = async () => {
    const body = { target: `named:${pair.receiver}`, interfaces: ['b0'], filter: 'icmp' }
    return (await (await service.ask(body)).json()) as { download: string }
  }
  const answers = await Promise.all((await Promise.all([ask(), ask(), ask()])).map(({ download }) => fetch(download)))
  const viewer = capture()
  await running(service, 4)
  await pair.ping(5)
  service.running.child.kill('SIGTERM')
  for (const answer of answers) {
    const file = join(folder, 'ended.pcapng')
    const bytes = Buffer.from(await answer.arrayBuffer())
    writeFileSync(file, bytes)
    expect(await pingsIn(file)).toEqual([1, 2, 3, 4, 5])
    expect(bytes.readUInt32LE(bytes.length - bytes.readUInt32LE(bytes.length - 4))).toBe(5)
  }
  expect(await viewer.closed).toMatchObject({ code: 1000, reason: 'the service ends', clean: true })
  expect((await service.running.result).status).toBe(0)
})

describe('a client that does not read', () => {
  let flood: ChildProcess
  beforeEach(() => {
    const command = ['ping', '-f', '-q', '-s', '1400', receiverAddress]
    flood = spawn('nsenter', [`--net=/run/netns/${pair.sender}`, '--', ...command], { stdio: 'ignore' })
  })
  afterEach(() => end(flood))

  test('does not fill the memory of the service; the kernel counts what is lost', async () => {
    const slow = capture(false)
    await slow.status
    await running(service, 1)
    const counted = async () => (await captures(service))[0]?.bytes ?? 0
    let before = -1
    await until(
      'nothing more fits into the connection',
      async () => {
        await sleep(500)
        const now = await counted()
        const isFull = now > 0 && now === before
        before = now
        return isFull
      },
      30_000,
    )
    const memory = service.memory()
    await sleep(3_000)
    expect(await counted()).toBe(before)
    expect(service.memory() - memory).toBeLessThan(8)
    await end(flood)
    expect(await slow.stop()).toMatchObject({ code: 1000, reason: 'ciao', clean: true })
    const file = join(folder, 'slow.pcapng')
    writeFileSync(file, slow.bytes())
    expect(await must('tshark', '-r', file, '-c', '3')).toContain('ICMP')
    // A stock client is answered before the capture has ended.
    const ends = () => service.log().filter(({ msg, bytes }) => msg === 'capture ended' && Number(bytes) >= before)
    await until('the end is told', () => ends().length === 1)
    expect(ends()[0]?.dropped).toBeGreaterThan(0)
    await nothingLeft()
  })

  test('and then is killed leaves nothing', async () => {
    const { path } = (await (await service.ask({ target: `named:${pair.receiver}` })).json()) as { path: string }
    const client = spawn('curl', ['-s', '-o', '/dev/null', `${service.url}${path}.pcapng`])
    await running(service, 1)
    client.kill('SIGSTOP')
    await sleep(1_000)
    await end(client)
    await asBefore()
  })

  test('holds nobody up when the service ends', async () => {
    const slow = capture(false)
    await slow.status
    await running(service, 1)
    await sleep(1_000)
    const begin = performance.now()
    service.running.child.kill('SIGTERM')
    await service.running.result
    expect(performance.now() - begin).toBeLessThan(12_000)
    slow.destroy()
    await expectNoDumpcap(inode)
  })
})

test('clients that dribble, or say nothing, are cut off, and meanwhile others are served', async () => {
  const post = 'POST /v1/captures HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
  const kinds: [first: string, more: string][] = [
    ['GET /version HTTP/1.1\r\n', 'X: y\r\n'],
    [`${post}Content-Length: 60000\r\n\r\n`, ' '],
    [`${post}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n'],
    ['GET /capture?netns=1 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n', 'X: y\r\n'],
    ['', ''],
  ]
  const clients = await Promise.all(
    kinds.flatMap(([first, more]) =>
      Array.from({ length: 10 }, async () => {
        const socket = await connectRaw(service.port)
        socket.on('data', () => {})
        socket.write(first)
        return { socket, more }
      }),
    ),
  )
  const drip = setInterval(() => {
    for (const { socket, more } of clients) if (socket.writable) socket.write(more)
  }, 500)
  const begin = performance.now()
  try {
    await until(
      'all are cut off',
      async () => {
        const asked = performance.now()
        expect((await service.get('/healthz')).status).toBe(200)
        expect(performance.now() - asked).toBeLessThan(2_000)
        await sleep(250)
        return clients.every(({ socket }) => socket.closed)
      },
      35_000,
    )
  } finally {
    clearInterval(drip)
    for (const { socket } of clients) socket.destroy()
  }
  expect(performance.now() - begin).toBeLessThan(30_000)
})
