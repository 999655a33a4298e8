/** Watching: how soon after an engine's own event a container is told of, and what a watch costs while nothing happens. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { followHost } from '../../src/discover/host/changes.ts'
import { end, sleep, until } from '../helpers/command.ts'
import { type Docker, image } from '../helpers/docker.ts'
import { memoryOf } from '../helpers/process.ts'
import { environment, executable } from '../helpers/remora.ts'
import { cpuSecondsWithChildren, type Row, row } from './measure.ts'
import { withNamespaces } from './namespaces.ts'

/** Milliseconds a watch is looked at; every namespace is looked into once in them. */
const idleTime = 60_000

/** Containers of Docker. */
export async function eventRows(docker: Docker): Promise<Row[]> {
  const told = new Map<string, number>()
  const seen = new Map<string, number>()
  const ids = new Map<string, string>()
  const ended = new AbortController()
  followHost({
    signal: ended.signal,
    onChange(change) {
      if (change.source === 'container' && change.event.kind === 'start') told.set(change.event.id, Date.now())
    },
  })
  const child = startWatch(name => seen.set(name, Date.now()))
  await until('the host has appeared', () => seen.has('host'))
  const delays: number[] = []
  for (let number = 0; number < 21; number++) {
    const name = `watch-${number}`
    ids.set(name, await docker.docker('run', '-d', '--name', name, image))
    await until('it appears', () => seen.has(name))
    delays.push((seen.get(name) ?? 0) - (told.get(ids.get(name) ?? '') ?? 0))
  }
  ended.abort()
  const settling = await idleCost(child)
  const idle = await idleCost(child)
  await end(child, 'SIGINT')
  await docker.removeAll()
  return [
    row("`--watch`: from the engine's event to the line", { unit: 'ms', values: delays, must: { atMost: 150 } }),
    row('… 21 containers, nothing happens: share of a core', {
      unit: '%',
      values: [idle.share],
      must: { atMost: 0.5 },
      note: `in the minute before, after 21 starts: ${settling.share.toFixed(2)} %`,
    }),
    row('… memory', { unit: 'MiB', values: [idle.memory] }),
  ]
}

/** Namespaces made by `ip netns add`. */
export async function idleWatchRows(): Promise<Row[]> {
  const rows: Row[] = []
  for (const count of [10, 100, 1_000]) {
    await withNamespaces(count, async () => {
      let seen = 0
      const child = startWatch(() => seen++)
      await until('all are told of', () => seen >= count, 60_000)
      const { share, memory } = await idleCost(child)
      await end(child, 'SIGINT')
      const watched = `\`--watch\`, ${count.toLocaleString('en')} namespaces, nothing happens`
      rows.push(row(`${watched}: share of a core`, { unit: '%', values: [share] }))
      rows.push(row('… memory', { unit: 'MiB', values: [memory] }))
    })
  }
  return rows
}

/** Starts a watch; tells the name of each target that appears. */
function startWatch(onAppear: (name: string) => void): ChildProcess {
  const child = spawn(executable, ['list', '--watch', '--json'], {
    env: environment(),
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  createInterface({ input: child.stdout }).on('line', line => {
    const { event, target } = JSON.parse(line)
    if (event === 'appear') onAppear(target.name)
  })
  return child
}

/** Share of a core (%) and memory (MiB), once it has come to rest. */
async function idleCost({ pid = 0 }: ChildProcess): Promise<{ share: number; memory: number }> {
  await sleep(5_000)
  const before = cpuSecondsWithChildren(pid)
  await sleep(idleTime)
  return { share: (100 * (cpuSecondsWithChildren(pid) - before)) / (idleTime / 1000), memory: memoryOf(pid) }
}
