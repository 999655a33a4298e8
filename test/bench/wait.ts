/** Containers that are waited for: how soon their capture is armed, and what it has of them. */
import { join } from 'node:path'
import { pingsIn } from '../helpers/capture-file.ts'
import { run, sleep, start } from '../helpers/command.ts'
import type { Containerd } from '../helpers/containerd.ts'
import type { Docker } from '../helpers/docker.ts'
import { type Podman, podmanImage } from '../helpers/podman.ts'
import { environment, executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { type Row, row } from './measure.ts'

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
    row(`\`--wait\`, ${starter.engine}: from the start returning to armed`, {
      ...{ unit: 'ms', values: armed, must: { atMost: 250 } },
    }),
    row('… first packet in the file', {
      ...{ unit: '%', values: [(100 * caught) / starts], must: { atLeast: 95 }, note: `${caught} of ${starts} starts` },
    }),
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
