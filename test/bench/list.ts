/** Listing: a hundred containers against what the engines themselves take to answer, and a thousand network namespaces. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { discover } from '../../src/discover/discover.ts'
import { getJson } from '../../src/engine/socket-json.ts'
import { run } from '../helpers/command.ts'
import { type Podman, podmanImage } from '../helpers/podman.ts'
import { environment, executable } from '../helpers/remora.ts'
import { alternate, median, type Row, spreadOf } from './measure.ts'

const rounds = 11
const containers = 100

/** Milliseconds and peak memory (MiB) of one `remora list --json`. */
async function listOnce(): Promise<{ time: number; memory: number }> {
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
  const raw = () => timed(() => getJson(podman.socket, '/containers/json', signal))
  const found = await alternate(rounds, () => timed(() => discover({ signal, timeout: 5_000, interfaces: false })), raw)
  const listed = await alternate(rounds, async () => (await listOnce()).time, raw)
  await podman.removeAll()
  const [remora, bare] = [median(found.remora), median(found.bare)]
  return [
    {
      name: `${containers} containers found, named, with their processes`,
      unit: 'ms',
      remora,
      bare,
      spread: spreadOf(found.remora),
      target: '≤ 1.5 × bare',
      met: remora <= 1.5 * bare,
      note: "bare: Podman's own answer to GET /containers/json; both from a running process",
    },
    {
      name: `remora list --json of them: node start and a look into ${containers} namespaces on top`,
      unit: 'ms',
      remora: median(listed.remora),
      bare: median(listed.bare),
      spread: spreadOf(listed.remora),
      target: 'none',
      met: true,
    },
  ]
}

/** A hundred and a thousand namespaces made by `ip netns add`. */
export async function namespaceListRows(): Promise<Row[]> {
  const counts = [100, 1_000] as const
  const results: { time: number[]; memory: number[] }[] = []
  for (const count of counts) {
    const names = Array.from({ length: count }, (_, number) => `rb-${number}`)
    await batch(names.map(name => `netns add ${name}`))
    const runs: { time: number; memory: number }[] = []
    for (let round = 0; round < 5; round++) runs.push(await listOnce())
    await batch(names.map(name => `netns del ${name}`))
    results.push({ time: runs.map(({ time }) => time), memory: runs.map(({ memory }) => memory) })
  }
  const [hundred, thousand] = results
  const time = median(thousand?.time ?? [])
  const memory = median(thousand?.memory ?? [])
  const start = median(hundred?.time ?? [])
  return [
    {
      name: 'remora list --json, 1,000 namespaces',
      unit: 'ms',
      remora: time,
      spread: spreadOf(thousand?.time ?? []),
      target: '≤ 2,000 ms',
      met: time <= 2_000,
      note: `100: ${start.toFixed(0)} ms`,
    },
    {
      name: 'the same, ten times of 100 namespaces',
      unit: 'ms',
      remora: time,
      bare: 10 * start,
      spread: spreadOf(thousand?.time ?? []),
      target: 'linear: ≤ 1.2 × bare',
      met: time <= 1.2 * 10 * start,
    },
    {
      name: 'the same, peak memory',
      unit: 'MiB',
      remora: memory,
      spread: spreadOf(thousand?.memory ?? []),
      target: '≤ 120 MiB',
      met: memory <= 120,
    },
  ]
}

async function batch(commands: readonly string[]): Promise<void> {
  const ip = spawn('ip', ['-batch', '-'], { stdio: ['pipe', 'ignore', 'ignore'] })
  ip.stdin.end(`${commands.join('\n')}\n`)
  await once(ip, 'close')
}
