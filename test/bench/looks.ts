/** What a service takes to tell what is on the host: for the first time, and again while nothing has changed. */
import { sleep } from '../helpers/command.ts'
import { type Docker, image } from '../helpers/docker.ts'
import { type Row, row } from './measure.ts'
import { withNamespaces } from './namespaces.ts'
import { startService } from './service.ts'

const paths = ['/mobyshark', '/json', '/v1/targets'] as const
/** Services that are asked for the first time, and questions to one that was asked before. */
const rounds = { first: 5, again: 21 } as const
/** Milliseconds after which what has just started is like everything else, and engines are followed. */
const settling = 5_000

interface Times {
  readonly first: number[]
  readonly again: number[]
  /** Greatest delay of the event loop during the first look, ms. */
  readonly delay: number[]
}

/** Containers of Docker: few, as on a desk, and a hundred. */
export async function containerLookRows(docker: Docker): Promise<Row[]> {
  const rows: Row[] = []
  let there = 0
  for (const count of [6, 100]) {
    for (; there < count; there++) await docker.docker('run', '-d', '--name', `look-${there}`, image)
    await sleep(settling)
    rows.push(...(await lookRows(`${count} containers`, count === 6)))
  }
  await docker.removeAll()
  return rows
}

/** Namespaces without a process, each of which must be entered. */
export async function namespaceLookRows(): Promise<Row[]> {
  const rows: Row[] = []
  await withNamespaces(1_000, async () => {
    rows.push(...(await lookRows('1,000 namespaces without a process', false)))
  })
  return rows
}

async function lookRows(what: string, isSmall: boolean): Promise<Row[]> {
  const rows: Row[] = []
  for (const path of paths) {
    const { first, again, delay } = await timesOf(path)
    rows.push(
      row(`GET ${path}, ${what}: a first look`, { unit: 'ms', values: first }),
      row('… again, nothing has changed', {
        ...{ unit: 'ms', values: again },
        ...(isSmall && path !== '/json' && { must: { atMost: 20 } }),
      }),
      row("… greatest delay of the service's event loop", { unit: 'ms', values: delay, must: { atMost: 50 } }),
    )
  }
  return rows
}

async function timesOf(path: string): Promise<Times> {
  const times: Times = { first: [], again: [], delay: [] }
  for (let round = 0; round < rounds.first; round++) {
    const service = await startService()
    const timed = async () => {
      const began = performance.now()
      await (await fetch(`http://${service.address}${path}`)).arrayBuffer()
      return performance.now() - began
    }
    try {
      await sleep(1_000)
      await service.metric(greatestDelay)
      times.first.push(await timed())
      times.delay.push(1e3 * (await service.metric(greatestDelay)))
      if (round > 0) continue
      for (let settled = 0; settled < 2; settled++) {
        await sleep(settling / 2)
        await timed()
      }
      for (let number = 0; number < rounds.again; number++) times.again.push(await timed())
    } finally {
      await service.close()
    }
  }
  return times
}

const greatestDelay = 'remora_event_loop_delay_seconds{quantile="1"}'
