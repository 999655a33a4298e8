/**
 * A service under many clients, and under a slow one: what a capture costs it in memory, whether its event loop keeps
 * turning meanwhile, and whether anything piles up behind a client that does not read.
 */
import { once } from 'node:events'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { ask } from '../../src/remote/http.ts'
import { dial, type RemoteStream } from '../../src/remote/websocket.ts'
import { end, must, sleep, start, until } from '../helpers/command.ts'
import type { NetnsPair } from '../helpers/netns.ts'
import { environment, executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { median, type Row, residentMemory, spreadOf } from './measure.ts'
import { sending, traffic } from './rate.ts'
import { type BenchService, startService } from './service.ts'

const captures = 100
const greatestDelay = 'remora_event_loop_delay_seconds{quantile="1"}'

/** Prints the greatest delay of its own event loop (ms): what the machine alone does to a process. */
const idleProcess = `
  const delay = require('node:perf_hooks').monitorEventLoopDelay({ resolution: 10 })
  setTimeout(() => delay.enable(), 300)
  setInterval(() => {}, 1000)
  process.on('SIGTERM', () => { console.log(delay.max / 1e6 - 10); process.exit() })
`

/** A hundred captures of one target on which nothing happens, asked for at once. */
export async function manyRows(pair: NetnsPair): Promise<Row[]> {
  const service = await startService()
  try {
    // What any first capture loads is no part of a capture.
    for (let number = 0; number < 3; number++) await stop([await capture(service, pair)])
    await sleep(2_000)
    const before = residentMemory(service.pid)
    let each = Number.NaN
    const delays: number[] = []
    const armed: number[] = []
    const idle: number[] = []
    for (let round = 0; round < 3; round++) {
      const beside = start([process.execPath, '-e', idleProcess])
      await sleep(500)
      await service.metric(greatestDelay)
      const began = performance.now()
      const streams = await Promise.all(Array.from({ length: captures }, () => capture(service, pair)))
      armed.push((performance.now() - began) / 1000)
      await sleep(5_000)
      if (round === 0) each = (residentMemory(service.pid) - before) / captures
      await stop(streams)
      delays.push(1e3 * (await service.metric(greatestDelay)))
      beside.child.kill('SIGTERM')
      idle.push(Number((await beside.result).stdout))
    }
    const accepted = await connectionsPerSecond(service)
    const starts = await startsPerSecond(service, pair)
    return [
      {
        name: `memory of the service for each of ${captures} idle captures`,
        unit: 'MiB',
        remora: each,
        spread: [each, each],
        target: '≤ 1.5 MiB',
        met: each <= 1.5,
        note: `${before.toFixed(0)} MiB before them`,
      },
      {
        name: `greatest delay of its event loop, ${captures} captures starting, running, ending`,
        unit: 'ms',
        remora: median(delays),
        bare: median(idle),
        spread: spreadOf(delays),
        target: '≤ 50 ms',
        met: median(delays) <= 50,
        note: `all armed after ${median(armed).toFixed(1)} s; bare: a process beside it that does nothing`,
      },
      {
        name: 'connections accepted and answered a second',
        unit: '/s',
        remora: accepted,
        spread: [accepted, accepted],
        target: '≥ 200 /s',
        met: accepted >= 200,
        note: 'each a new TCP connection with GET /healthz',
      },
      {
        name: 'captures asked for, armed and ended a second, eight at a time',
        unit: '/s',
        remora: starts,
        spread: [starts, starts],
        target: 'none',
        met: true,
      },
    ]
  } finally {
    await service.close()
  }
}

interface Running {
  readonly stream: RemoteStream
}

/** Asks for a capture and waits until it is armed. */
async function capture({ address }: BenchService, pair: NetnsPair): Promise<Running> {
  const remote = { base: `http://${address}`, direct: true }
  const { signal } = new AbortController()
  const body = { target: `named:${pair.receiver}`, interfaces: ['b0'] }
  const answer = await ask(remote, 'POST', '/v1/captures', { body, signal })
  if (answer.status !== 201) throw new Error(`status ${answer.status}: ${answer.body}`)
  const armed = Promise.withResolvers<void>()
  const taker = {
    take: async () => {},
    note(text: string) {
      if (JSON.parse(text).note === 'armed') armed.resolve()
    },
  }
  const stream = await dial(remote, JSON.parse(answer.body).path, { taker, signal })
  await Promise.race([armed.promise, stream.ended])
  return { stream }
}

async function stop(running: readonly Running[]): Promise<void> {
  for (const { stream } of running) stream.close()
  for (const { stream } of running) await stream.ended
}

/** Connections one after the other in each of twenty lines. */
async function connectionsPerSecond({ address }: BenchService): Promise<number> {
  const [host = '', port] = address.split(':')
  const seconds = 5
  const deadline = performance.now() + seconds * 1000
  let answered = 0
  const line = async () => {
    while (performance.now() < deadline) {
      const socket = connect(Number(port), host)
      let text = ''
      socket.setEncoding('latin1').on('data', chunk => {
        text += chunk
      })
      socket.write(`GET /healthz HTTP/1.1\r\nhost: ${address}\r\nconnection: close\r\n\r\n`)
      await once(socket, 'close')
      if (text.startsWith('HTTP/1.1 200')) answered++
    }
  }
  await Promise.all(Array.from({ length: 20 }, line))
  return answered / seconds
}

async function startsPerSecond(service: BenchService, pair: NetnsPair): Promise<number> {
  const count = 80
  const began = performance.now()
  let left = count
  const line = async () => {
    while (left-- > 0) await stop([await capture(service, pair)])
  }
  await Promise.all(Array.from({ length: 8 }, line))
  return (1000 * count) / (performance.now() - began)
}

const slowTime = 60_000
const bytesPerSecond = 10_000

/** A reader of 10 kB/s behind a real client, while the target gets all the packets it can. */
export async function slowRow(pair: NetnsPair): Promise<Row[]> {
  const folder = scratch()
  const fifo = join(folder, 'fifo')
  await must('mkfifo', fifo)
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
  const service = await startService()
  const args = ['capture', `named:${pair.receiver}`, '-i', 'b0', '--host', service.address, '-w', fifo]
  const client = start([executable, ...args], { env: environment() }, 2 * slowTime)
  const bytes = Buffer.alloc(bytesPerSecond / 10)
  let taken = 0
  const take = () => {
    try {
      taken += readSync(reader, bytes)
    } catch {
      // Nothing there yet (EAGAIN).
    }
  }
  await until('the capture has begun', () => {
    take()
    return taken > 0
  })
  const flood = start(sending(pair, traffic(folder, 'large', 1372), 0), {}, 2 * slowTime)
  const timer = setInterval(take, 100)
  await sleep(5_000)
  const memory = { service: [] as number[], client: [] as number[] }
  for (let second = 0; second < slowTime / 1000; second++) {
    memory.service.push(residentMemory(service.pid))
    memory.client.push(residentMemory(client.pid))
    await sleep(1_000)
  }
  clearInterval(timer)
  await end(flood.child)
  const [link] = JSON.parse(await must('ip', '-n', pair.receiver, '-json', '-stats', 'link', 'show', 'b0'))
  const sent = link.stats64.rx.packets / 1e6
  await end(client.child)
  closeSync(reader)
  await service.close()
  const span = (values: readonly number[]) => Math.max(...values) - Math.min(...values)
  const [low, high] = spreadOf(memory.client)
  return [
    {
      name: 'a reader of 10 kB/s for 60 s, its target at full rate: memory of the service',
      unit: 'MiB',
      remora: median(memory.service),
      spread: spreadOf(memory.service),
      target: 'flat: within 16 MiB',
      met: span(memory.service) <= 16,
      note: `client ${low.toFixed(0)}–${high.toFixed(0)} MiB; ${sent.toFixed(0)} million packets, ${(taken / 1e6).toFixed(1)} MB read`,
    },
  ]
}
