/** A real Podman for tests: network namespace, storage and socket of its own, an image made of busybox, no registry. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { end, run, start, until } from './command.ts'
import { makeEnginePlace } from './engine-place.ts'

export interface Podman {
  readonly socket: string
  /** Runs podman; its trimmed output. */
  podman(...args: string[]): Promise<string>
  /** Takes every container away. */
  removeAll(): Promise<void>
  close(): Promise<void>
}

/** The image every test container is made of. */
export const podmanImage = 'localhost/remora-test:1'

/** What this kernel and these rights allow a container: Podman's own defaults ask for more. */
const configuration = `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
`

/** Starts the service of a Podman; needs root, podman, runc, containernetworking-plugins and busybox-static. */
export async function startPodman(): Promise<Podman> {
  const place = await makePodman()
  const { socket, command, env } = place
  const service = start(
    command(['system', 'service', '--time=0', `unix://${socket}`]),
    { env, stdio: 'ignore' },
    1_800_000,
  )
  await until(
    'podman answers',
    async () => (await run(['podman', '--url', `unix://${socket}`, 'version'])).status === 0,
    30_000,
  )
  return {
    ...place,
    async close() {
      await place.removeAll()
      await end(service.child, 'SIGTERM')
      await place.close()
    },
  }
}

/** A Podman without a service: nothing listens at its socket. */
export async function makePodman() {
  const place = await makeEnginePlace('podman')
  const { folder, enter } = place
  const socket = join(folder, 'podman.sock')
  writeFileSync(join(folder, 'containers.conf'), configuration)
  const env = { ...process.env, CONTAINERS_CONF: join(folder, 'containers.conf') }
  const places = [
    '--root',
    join(folder, 'root'),
    '--runroot',
    join(folder, 'run'),
    '--network-config-dir',
    join(folder, 'networks'),
  ]
  const command = (args: readonly string[]) => [...enter, 'podman', ...places, ...args]
  const podman = async (...args: string[]) => {
    const { status, stdout, stderr } = await run(command(args), { env })
    if (status !== 0) throw new Error(`podman ${args.join(' ')}: ${stderr}`)
    return stdout.trim()
  }
  await podman('import', '-c', 'ENV PATH=/bin', '-c', 'CMD ["sleep","1000000"]', place.image, podmanImage)
  const remove = () => podman('rm', '-f', '-a', '-t', '0')
  // A container that lends its network goes only after those that use it.
  const removeAll = async () => void (await remove().catch(remove))
  return {
    ...{ socket, podman, removeAll, command, env },
    async close() {
      await removeAll()
      await place.close()
    },
  }
}
