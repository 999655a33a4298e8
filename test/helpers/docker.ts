/**
 * A real Docker engine for tests: its own network namespace, folders and socket, an image made of busybox, and no
 * registry. The containers end at once when told to.
 */
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { end, run, start, until } from './command.ts'
import { type EnginePlace, makeEnginePlace } from './engine-place.ts'

export interface Docker {
  readonly socket: string
  readonly daemon: ChildProcess
  readonly env: NodeJS.ProcessEnv
  /** Runs the docker client; its trimmed output. */
  docker(...args: string[]): Promise<string>
  /** Starts a container that sleeps, or runs the command given. */
  container(name: string, options?: readonly string[], command?: readonly string[]): Promise<string>
  /** Restarts the engine; containers live on. */
  restart(): Promise<void>
  /** Takes every container away. */
  removeAll(): Promise<void>
  close(): Promise<void>
}

/** The image every test container is made of. */
export const image = 'remora-test:1'

/**
 * Starts an engine; needs root, dockerd, docker and busybox-static.
 * @param deadline milliseconds after which it is killed, in case a test leaves it behind
 */
export async function startDocker(deadline = 1_800_000): Promise<Docker> {
  const place = await makeEnginePlace('docker')
  const { folder, enter } = place
  const socket = join(folder, 'docker.sock')
  const startDaemon = () =>
    start(
      [
        ...[...enter, 'dockerd', '--live-restore'],
        ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
        ...['-p', join(folder, 'dockerd.pid'), '-H', `unix://${socket}`],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
      deadline,
    )
  let daemon = startDaemon()
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}` }
  const docker = async (...args: string[]) => {
    const { status, stdout, stderr } = await run(['docker', ...args], { env })
    if (status !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`)
    return stdout.trim()
  }
  const answers = () =>
    until('dockerd answers', async () => (await run(['docker', 'version'], { env })).status === 0, 60_000).catch(
      error => {
        throw new Error(`${error.message}\n${daemon.stderr().slice(-2_000)}`)
      },
    )
  await answers()
  await importImage(place, docker)
  const removeAll = async () => {
    const ids = (await docker('ps', '-aq')).split('\n').filter(id => id !== '')
    if (ids.length > 0) await docker('rm', '-f', ...ids)
  }
  return {
    socket,
    get daemon() {
      return daemon.child
    },
    env,
    docker,
    async container(name, options = [], command = []) {
      const start = () => docker('run', '-d', '--name', name, ...options, image, ...command)
      return start().catch(async error => {
        if (!/already in use/.test(String(error))) throw error
        // A test that is tried again finds what its first try has left.
        await docker('rm', '-f', name)
        return start()
      })
    },
    async restart() {
      await end(daemon.child, 'SIGTERM')
      daemon = startDaemon()
      await answers()
    },
    removeAll,
    async close() {
      await removeAll()
      await end(daemon.child, 'SIGTERM')
      await place.close()
    },
  }
}

async function importImage({ folder, image: archive }: EnginePlace, docker: Docker['docker']): Promise<void> {
  await docker('import', '-c', 'ENV PATH=/bin', '-c', 'CMD ["/bin/sleep","1000000"]', archive, 'remora-test:base')
  const context = join(folder, 'context')
  mkdirSync(context)
  writeFileSync(join(context, 'Dockerfile'), 'FROM remora-test:base\nSTOPSIGNAL SIGKILL\n')
  await docker('build', '-q', '-t', image, context)
}
