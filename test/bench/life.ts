/** Containers that come: how soon a watch tells of them, how soon a waiting capture is armed, and what it has of them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { followHost } from '../../src/discover/changes.ts'
import { pingsIn } from '../helpers/capture-file.ts'
import { end, run, sleep, start, until } from '../helpers/command.ts'
import type { Containerd } from '../helpers/containerd.ts'
import { type Docker, image } from '../helpers/docker.ts'
import { type Podman, podmanImage } from '../helpers/podman.ts'
import { environment, executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { cpuSeconds, median, type Row, spreadOf } from './measure.ts'

/** How a container is started that pings at once, and taken away. */
export interface Starter {
  readonly engine: string
  readonly reference: (name: string) => string
  /** Returns when the engine says that it runs. */
  start(name: string, address: string): Promise<void>
  remove(name: string): Promise<void>
}

const starts = 50

/** The first packet of fifty containers each, and the time from their start to the armed capture. */
export async function waitRows(starter: Starter, address: string): Promise<Row[]> {
  const folder = scratch()
  const armed: number[] = []
  let caught = 0
  for (let number = 0; number < starts; number++) {
    const name = `wait-${starter.engine}-${number}`
    const file = join(folder, `${name}.pcapng`)
    const log = join(folder, `${name}.log`)
    const capture = start(
      [
        executable,
        'capture',
        '--wait=20',
        starter.reference(name),
        '-i',
        'eth0',
        '-f',
        'icmp',
        '-a',
        'packets:6',
        '-w',
        file,
      ],
      { env: environment({ REMORA_LOG_FILE: log }) },
    )
    await sleep(400)
    await starter.start(name, address)
    const returned = Date.now()
    await capture.result
    const { stdout } = await run(['grep', '-m1', 'the capture is armed', log])
    armed.push(Date.parse(stdout.split(' ')[0] ?? '') - returned)
    if ((await pingsIn(file))[0] === 0) caught++
    await starter.remove(name)
  }
  return [
    {
      name: `--wait, ${starter.engine}: from the start returning to armed`,
      unit: 'ms',
      remora: median(armed),
      spread: spreadOf(armed),
      target: '≤ 250 ms',
      met: median(armed) <= 250,
    },
    {
      name: `--wait, ${starter.engine}: first packet in the file`,
      unit: '%',
      remora: (100 * caught) / starts,
      spread: [(100 * caught) / starts, (100 * caught) / starts],
      target: '≥ 95 %',
      met: caught >= 0.95 * starts,
      note: `${caught} of ${starts} starts`,
    },
  ]
}

export const dockerStarter = (docker: Docker): Starter => ({
  engine: 'Docker',
  reference: name => `docker:${name}`,
  start: async (name, address) => void (await docker.container(name, [], ['ping', '-i', '0.1', address])),
  remove: async name => void (await docker.docker('rm', '-f', name)),
})

export const podmanStarter = (podman: Podman): Starter => ({
  engine: 'Podman',
  reference: name => `podman:${name}`,
  start: async (name, address) =>
    void (await podman.podman('run', '-d', '--name', name, podmanImage, 'ping', '-i', '0.1', address)),
  remove: async name => void (await podman.podman('rm', '-f', '-t', '0', name)),
})

/** A pod whose one container pings: the sandbox is there first. */
export const podStarter = ({ pods }: Containerd): Starter => {
  const sandboxes = new Map<string, string>()
  return {
    engine: 'CRI',
    reference: name => `pod:lab/${name}`,
    async start(name, address) {
      const sandbox = await pods.runPod(name)
      sandboxes.set(name, sandbox)
      await pods.runContainer(sandbox, name, {}, ['ping', '-i', '0.1', address])
    },
    remove: async name => pods.removePod(sandboxes.get(name) ?? ''),
  }
}

/** How much later than an engine's own event a watch tells of a container, and what it costs while nothing happens. */
export async function watchRows(docker: Docker): Promise<Row[]> {
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
  const child = spawn(executable, ['list', '--watch', '--json'], {
    env: environment(),
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onLines(child, line => {
    const { event, target } = JSON.parse(line)
    if (event === 'appear') seen.set(target.name, Date.now())
  })
  await until('the host has appeared', () => seen.has('host'))
  const delays: number[] = []
  for (let number = 0; number < 21; number++) {
    const name = `watch-${number}`
    ids.set(name, await docker.docker('run', '-d', '--name', name, image))
    await until('it appears', () => seen.has(name))
    delays.push((seen.get(name) ?? 0) - (told.get(ids.get(name) ?? '') ?? 0))
  }
  ended.abort()
  await sleep(5_000)
  const before = cpuSeconds(child.pid ?? 0)
  await sleep(60_000)
  const share = (100 * (cpuSeconds(child.pid ?? 0) - before)) / 60
  await end(child, 'SIGINT')
  await docker.removeAll()
  return [
    {
      name: "--watch: from the engine's event to the line",
      unit: 'ms',
      remora: median(delays),
      spread: spreadOf(delays),
      target: '≤ 150 ms',
      met: median(delays) <= 150,
    },
    {
      name: '--watch, 21 containers, nothing happens: share of a core',
      unit: '%',
      remora: share,
      spread: [share, share],
      target: '≤ 0.5 %',
      met: share <= 0.5,
    },
  ]
}

function onLines(child: ChildProcess, onLine: (line: string) => void): void {
  if (child.stdout) createInterface(child.stdout).on('line', onLine)
}
