/** A real LXD for tests: network namespace, storage and socket of its own, an image made of busybox, no registry. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { end, run, start } from './command.ts'
import { makeEnginePlace } from './engine-place.ts'

export interface Lxd {
  readonly socket: string
  /** Runs lxc, the client of LXD; its trimmed output. */
  lxc(...args: string[]): Promise<string>
  close(): Promise<void>
}

/** The image every test container is made of. */
export const lxdImage = 'remora-test'

const preseed = `storage_pools: [{name: default, driver: dir}]
profiles:
- name: default
  devices:
    root: {type: disk, path: /, pool: default}
    eth0: {type: nic, nictype: p2p}
`

/** Takes an address at random. */
const init = `#!/bin/sh
ip link set eth0 up
ip addr add 10.77.$((RANDOM % 250)).$((RANDOM % 250 + 1))/16 dev eth0
trap 'exit 0' TERM PWR
while :; do sleep 1000 & wait $!; done
`

/** Starts an LXD; needs root, lxd and busybox-static. */
export async function startLxd(): Promise<Lxd> {
  const place = await makeEnginePlace('lxd')
  const { folder, enter } = place
  // LXD knows its containers' monitors by this name.
  const home = join(folder, 'lxd')
  // The users of its containers go through it.
  chmodSync(folder, 0o711)
  mkdirSync(home)
  const env = { ...process.env, LXD_DIR: home, HOME: folder }
  const must = async (command: readonly string[]) => {
    const { status, stdout, stderr } = await run([...enter, ...command], { env }, 120_000)
    if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`)
    return stdout.trim()
  }
  // It looks for interfaces in /sys, which shows those of the namespace that mounted it.
  const sys = join(folder, 'sys')
  mkdirSync(sys)
  const folders = ['class/net', 'devices/virtual/net']
  const binds = folders.map(path => `mount --bind ${sys}/${path} /sys/${path}`)
  const prepare = ['mount --make-rslave /', `mount -t sysfs remora ${sys}`, ...binds, 'exec lxd --group root']
  const daemon = start(
    [...enter, 'unshare', '--mount', 'sh', '-c', prepare.join(' && ')],
    { env, stdio: 'ignore' },
    1_800_000,
  )
  await must(['lxd', 'waitready', '--timeout', '60'])
  await must(['sh', '-c', `lxd init --preseed <<'E'\n${preseed}E`])
  await must(['lxc', 'image', 'import', await makeLxdImage(folder, must), '--alias', lxdImage])
  const lxc = (...args: string[]) => must(['lxc', ...args])
  return {
    socket: join(home, 'unix.socket'),
    lxc,
    async close() {
      const names = await lxc('list', '--all-projects', '-c', 'n', '--format', 'csv')
      const remove = (name: string) => lxc('delete', '--force', name)
      // One that is just being stopped can be deleted afterwards.
      for (const name of names.split('\n').filter(Boolean)) await remove(name).catch(() => remove(name))
      await end(daemon.child, 'SIGTERM')
      await place.close()
    },
  }
}

async function makeLxdImage(folder: string, must: (command: readonly string[]) => Promise<string>): Promise<string> {
  const root = join(folder, 'image')
  for (const name of ['sbin', 'dev', 'proc', 'sys', 'etc', 'tmp', 'root', 'run']) mkdirSync(join(root, name))
  writeFileSync(join(root, 'sbin/init'), init, { mode: 0o755 })
  const metadata = 'architecture: x86_64\ncreation_date: 1700000000\nproperties: {description: remora test}\n'
  writeFileSync(join(folder, 'metadata.yaml'), metadata)
  const archive = join(folder, 'lxd.tar')
  await must(['tar', '-C', folder, '--transform', 's,^image/,rootfs/,', '-cf', archive, 'metadata.yaml', 'image/'])
  return archive
}
