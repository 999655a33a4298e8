/** A service under many clients: what a capture costs it in memory, and whether its event loop keeps turning meanwhile. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { ask } from '../../src/remote/http.ts'
import { dial, type RemoteStream } from '../../src/remote/websocket.ts'
import { sleep, start } from '../helpers/command.ts'
import type { NetnsPair } from '../helpers/netns.ts'
import { memoryOf } from '../helpers/process.ts'
import { type Row, row } from './measure.ts'
import { type BenchService, startService } from './service.ts'

const greatestCrowd = 100
const rounds = 3
const greatestDelay = 'remora_event_loop_delay_seconds{quantile="1"}'

/** Prints the greatest delay of its own event loop (ms): what the machine alone does to a process. */
const idleProcess = `
  const delay = require('node:perf_hooks').monitorEventLoopDelay({ resolution: 10 })
  setTimeout(() => delay.enable(), 300)
  setInterval(() => {}, 1000)
  process.on('SIGTERM', () => { console.log(delay.max / 1e6 - 10); process.exit() })
`

/** Captures of one target on which nothing happens, asked for at once. */
export async function manyRows(pair: NetnsPair): Promise<Row[]> {
  const service = await startService()
  try {
    // What any first capture loads is no part of a capture.
    for (let number = 0; number < 3; number++) await stop([await capture(service, pair)])
    const rows: Row[] = []
    for (const count of [1, 10, greatestCrowd]) rows.push(...(await crowdRows(service, pair, count)))
    const oneTime = (unit: string, value: number) => ({ unit, values: [value] })
    return [
      ...rows,
      row('connections accepted and answered a second', {
        ...{ ...oneTime('/s', await connectionsPerSecond(service)), must: { atLeast: 200 } },
        note: 'each a new TCP connection with GET /healthz',
      }),
      row('captures asked for, armed and ended a second, eight at a time', {
        ...oneTime('/s', await startsPerSecond(service, pair)),
      }),
    ]
  } finally {
    await service.close()
  }
}

/** What so many captures at once cost a service. */
async function crowdRows(service: BenchService, pair: NetnsPair, count: number): Promise<Row[]> {
  const memory: number[] = []
  const delays: number[] = []
  const armed: number[] = []
  const idle: number[] = []
  for (let round = 0; round < rounds; round++) {
    await sleep(2_000)
    const before = memoryOf(service.pid)
    const beside = start([process.execPath, '-e', idleProcess])
    await sleep(500)
    await service.metric(greatestDelay)
    const began = performance.now()
    const streams = await Promise.all(Array.from({ length: count }, () => capture(service, pair)))
    armed.push(performance.now() - began)
    await sleep(5_000)
    memory.push((memoryOf(service.pid) - before) / count)
    await stop(streams)
    delays.push(1e3 * (await service.metric(greatestDelay)))
    beside.child.kill('SIGTERM')
    idle.push(Number((await beside.result).stdout))
  }
  const captures = count === 1 ? 'one capture' : `${count} captures at once`
  const all = count === greatestCrowd
  return [
    row(`a service with ${captures}: until all are armed`, { unit: 'ms', values: armed }),
    row('… memory for each', {
      // What the first of them takes it keeps for the others.
      ...{ unit: 'MiB', values: memory.slice(0, 1), ...(all && { must: { atMost: 1.5 } }) },
      note: `${memoryOf(service.pid).toFixed(0)} MiB in all afterwards`,
    }),
    row('… greatest delay of its event loop, from the first start to the last end', {
      ...{ unit: 'ms', values: delays, counterpart: 'a process beside it that does nothing', bare: idle },
      ...(all && { must: { atMost: 50 } }),
    }),
  ]
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
