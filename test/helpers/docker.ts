/**
 * A real Docker engine for tests: its own network namespace, folders and socket, an image made of busybox, and no
 * registry. The containers end at once when told to.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end, must, run, start, until } from './command.ts'

export interface Docker {
  readonly socket: string
  readonly env: NodeJS.ProcessEnv
  /** Runs the docker client; its trimmed output. */
  docker(...args: string[]): Promise<string>
  /** Starts a container that sleeps, or runs the command given. */
  container(name: string, options?: readonly string[], command?: readonly string[]): Promise<string>
  close(): Promise<void>
}

/** The image every test container is made of. */
export const image = 'remora-test:1'

const applets = ['sh', 'ip', 'ping', 'nc', 'httpd', 'sleep', 'wget', 'cat', 'ls', 'kill', 'true']

/** Starts an engine; needs root, dockerd, docker and busybox-static. */
export async function startDocker(): Promise<Docker> {
  const folder = mkdtempSync(join(tmpdir(), 'remora-docker-'))
  const netns = `rt-docker-${folder.slice(-6)}`
  const socket = join(folder, 'docker.sock')
  await must('ip', 'netns', 'add', netns)
  await must('ip', '-n', netns, 'link', 'set', 'lo', 'up')
  const daemon = start(
    [
      ...['nsenter', `--net=/run/netns/${netns}`, '--', 'dockerd'],
      ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
      ...['-p', join(folder, 'dockerd.pid'), '-H', `unix://${socket}`],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
    1_800_000,
  )
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}` }
  const docker = async (...args: string[]) => {
    const { status, stdout, stderr } = await run(['docker', ...args], { env })
    if (status !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`)
    return stdout.trim()
  }
  await until('dockerd answers', async () => (await run(['docker', 'version'], { env })).status === 0, 60_000).catch(
    error => {
      throw new Error(`${error.message}\n${daemon.stderr().slice(-2_000)}`)
    },
  )
  await makeImage(folder, docker)
  return {
    socket,
    env,
    docker,
    container: (name, options = [], command = []) => docker('run', '-d', '--name', name, ...options, image, ...command),
    async close() {
      const ids = (await docker('ps', '-aq')).split('\n').filter(id => id !== '')
      if (ids.length > 0) await docker('rm', '-f', ...ids)
      await end(daemon.child, 'SIGTERM')
      await run(['ip', 'netns', 'del', netns])
      for (const path of (await must('findmnt', '-rno', 'TARGET'))
        .split('\n')
        .filter(target => target.startsWith(folder))
        .reverse()) {
        await run(['umount', path])
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function makeImage(folder: string, docker: Docker['docker']): Promise<void> {
  const root = join(folder, 'image')
  mkdirSync(join(root, 'bin'), { recursive: true })
  cpSync('/bin/busybox', join(root, 'bin/busybox'))
  for (const applet of applets) symlinkSync('busybox', join(root, 'bin', applet))
  const archive = join(folder, 'image.tar')
  await must('tar', '-C', root, '-cf', archive, '.')
  await docker('import', '-c', 'ENV PATH=/bin', '-c', 'CMD ["/bin/sleep","1000000"]', archive, 'remora-test:base')
  const context = join(folder, 'context')
  mkdirSync(context)
  writeFileSync(join(context, 'Dockerfile'), 'FROM remora-test:base\nSTOPSIGNAL SIGKILL\n')
  await docker('build', '-q', '-t', image, context)
}
