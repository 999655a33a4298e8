/**
 * Podman of a plain user, for tests: a user made for it, with his own runtime folder, storage and socket. Everything goes
 * when it is closed, the user included.
 */
import { chmodSync, chownSync, copyFileSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { end, must, type Result, run, start, until } from './command.ts'
import { makeImageFolder } from './engine-place.ts'
import { podmanImage } from './podman.ts'
import { scratch } from './scratch.ts'

export interface RootlessPodman {
  readonly socket: string
  /** Runs a command as the user. */
  asUser(...command: string[]): Promise<Result>
  podman(...args: string[]): Promise<string>
  /** Ends the service; containers live on. */
  endService(): Promise<void>
  close(): Promise<void>
}

const name = `rt-user-${process.pid}`
const tun = '/dev/net/tun'

/** Starts the service of a plain user's Podman; needs root, podman, uidmap, slirp4netns and passwd. */
export async function startRootlessPodman(): Promise<RootlessPodman> {
  await must('useradd', '-m', name)
  const uid = Number(await must('id', '-u', name))
  const runtime = `/run/user/${uid}`
  const home = `/home/${name}`
  mkdirSync(join(runtime, 'podman'), { recursive: true })
  for (const folder of [runtime, join(runtime, 'podman')]) {
    chownSync(folder, uid, uid)
    chmodSync(folder, 0o700)
  }
  // His network is made of a tap device, which is root's alone on some machines.
  const mode = statSync(tun).mode & 0o777
  chmodSync(tun, 0o666)
  const environment = ['env', '-i', `HOME=${home}`, `XDG_RUNTIME_DIR=${runtime}`, 'PATH=/usr/sbin:/usr/bin:/sbin:/bin']
  const user = ['setpriv', '--reuid', String(uid), '--regid', String(uid), '--clear-groups', ...environment]
  const asUser = (...command: string[]) => run([...user, ...command], { cwd: home })
  const podman = async (...args: string[]) => {
    const { status, stdout, stderr } = await asUser('podman', ...args)
    if (status !== 0) throw new Error(`podman ${args.join(' ')}: ${stderr}`)
    return stdout.trim()
  }
  const folder = scratch()
  await must('tar', '-C', makeImageFolder(folder), '-cf', join(folder, 'image.tar'), '.')
  copyFileSync(join(folder, 'image.tar'), join(home, 'image.tar'))
  await podman('import', '-c', 'ENV PATH=/bin', '-c', 'CMD ["sleep","1000000"]', join(home, 'image.tar'), podmanImage)
  const socket = join(runtime, 'podman/podman.sock')
  const service = start(
    [...user, 'podman', 'system', 'service', '--time=0', `unix://${socket}`],
    { cwd: home },
    600_000,
  )
  await until(
    'podman answers',
    async () => (await run(['podman', '--url', `unix://${socket}`, 'version'])).status === 0,
  )
  const endService = () => end(service.child, 'SIGTERM')
  return {
    socket,
    asUser,
    podman,
    endService,
    async close() {
      await podman('rm', '-f', '-a', '-t', '0').catch(() => {})
      await endService()
      await run(['pkill', '-KILL', '-u', String(uid)])
      await until('no process of the user is left', async () => (await run(['pgrep', '-u', String(uid)])).status !== 0)
      chmodSync(tun, mode)
      for (const path of (await must('findmnt', '-rno', 'TARGET')).split('\n').filter(path => path.startsWith(runtime)))
        await run(['umount', '-l', path])
      rmSync(runtime, { recursive: true, force: true })
      await run(['userdel', '-r', name])
    },
  }
}
