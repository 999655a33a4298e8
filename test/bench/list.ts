/** Listing: a hundred containers against what the engines themselves take to answer, and many network namespaces. */
import { discover } from '../../src/discover/list/discover.ts'
import { getJson } from '../../src/engine/socket-json.ts'
import { run } from '../helpers/command.ts'
import { type Podman, podmanImage } from '../helpers/podman.ts'
import { environment, executable } from '../helpers/remora.ts'
import { inTurn, median, type Row, row } from './measure.ts'
import { withNamespaces } from './namespaces.ts'

const rounds = 11
const containers = 100

interface Listing {
  /** Milliseconds. */
  readonly time: number
  /** Peak, MiB. */
  readonly memory: number
}

async function listOnce(): Promise<Listing> {
  const began = performance.now()
  const { stderr } = await run(['time', '-f', '%M', executable, 'list', '--json'], { env: environment() })
  return { time: performance.now() - began, memory: Number(stderr.trim().split('\n').at(-1)) / 1024 }
}

/** A hundred containers of the engine that answers slowest. */
export async function containerListRows(podman: Podman): Promise<Row[]> {
  for (let number = 0; number < containers; number++) {
    await podman.podman('run', '-d', '--name', `list-${number}`, podmanImage)
  }
  const timed = async (action: () => Promise<unknown>) => {
    const began = performance.now()
    await action()
    return performance.now() - began
  }
  const signal = AbortSignal.timeout(300_000)
  const times = await inTurn(rounds, {
    raw: () => timed(() => getJson(podman.socket, '/containers/json', signal)),
    found: () => timed(() => discover({ signal, timeout: 5_000, interfaces: false })),
    listed: async () => (await listOnce()).time,
  })
  await podman.removeAll()
  const bare = { unit: 'ms', counterpart: "Podman's answer to GET /containers/json", bare: times.raw }
  return [
    row(`${containers} containers found, named, with their processes`, {
      ...{ ...bare, values: times.found, must: { ratioAtMost: 1.5 } },
      note: 'both from a running process',
    }),
    row('`list --json` of them', {
      ...{ ...bare, values: times.listed },
      note: `a start of node and a look into ${containers} namespaces on top`,
    }),
  ]
}

/** Namespaces made by `ip netns add`. */
export async function namespaceListRows(): Promise<Row[]> {
  const listed = async (count: number) => {
    const runs: Listing[] = []
    await withNamespaces(count, async () => {
      for (let round = 0; round < 5; round++) runs.push(await listOnce())
    })
    return { time: runs.map(({ time }) => time), memory: runs.map(({ memory }) => memory) }
  }
  const [ten, hundred, thousand] = [await listed(10), await listed(100), await listed(1_000)]
  return [
    row('`list --json`, 10 namespaces', { unit: 'ms', values: ten.time }),
    row('… 100', { unit: 'ms', values: hundred.time }),
    row('… 1,000', { unit: 'ms', values: thousand.time, must: { atMost: 2_000 } }),
    row('… linear: 1,000 against ten times 100', {
      ...{ unit: 'ms', values: thousand.time, must: { ratioAtMost: 1.2 } },
      ...{ counterpart: 'ten times 100', bare: [10 * median(hundred.time)] },
    }),
    row('… peak memory, 10', { unit: 'MiB', values: ten.memory }),
    row('… 100', { unit: 'MiB', values: hundred.memory }),
    row('… 1,000', { unit: 'MiB', values: thousand.memory, must: { atMost: 120 } }),
  ]
}
