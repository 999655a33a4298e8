/**
 * A real containerd for tests, with its CRI: network namespace, folders and socket of its own, an image made of busybox,
 * no registry. What is run through `ctr` has a network with nothing in it; pods are on a bridge.
 */
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { end, must, run, start, until } from './command.ts'
import { type EnginePlace, makeEnginePlace } from './engine-place.ts'
import { type Pods, podsOf } from './pods.ts'

export interface Containerd {
  readonly socket: string
  readonly daemon: ChildProcess
  readonly pods: Pods
  /** Runs ctr in a namespace of containerd; its trimmed output. */
  ctr(namespace: string, ...args: string[]): Promise<string>
  /** Ends a container at once, and starts it again. */
  restart(namespace: string, name: string): Promise<void>
  /** Ends a container at once; its description stays. */
  stop(namespace: string, name: string): Promise<void>
  close(): Promise<void>
}

/** The image every test container is made of. */
export const containerdImage = 'localhost/remora-test:1'

/** Starts a containerd; needs root, containerd, ctr, runc, containernetworking-plugins and busybox-static. */
export async function startContainerd(): Promise<Containerd> {
  const place = await makeEnginePlace('containerd')
  const { folder, enter } = place
  const socket = join(folder, 'containerd.sock')
  configure(folder, socket)
  const daemon = start(
    [...enter, 'containerd', '-c', join(folder, 'config.toml')],
    { stdio: ['ignore', 'ignore', 'pipe'] },
    1_800_000,
  )
  const ctr = async (namespace: string, ...args: string[]) =>
    (await must('ctr', '-a', socket, '-n', namespace, ...args)).trim()
  await until(
    'containerd answers',
    async () => (await run(['ctr', '-a', socket, 'version'])).status === 0,
    30_000,
  ).catch(error => {
    throw new Error(`${error.message}\n${daemon.stderr().slice(-2_000)}`)
  })
  const archive = await makeArchive(place)
  for (const namespace of ['default', 'k8s.io']) await ctr(namespace, 'images', 'import', archive)
  const pods = podsOf(socket, containerdImage)
  const stop = async (namespace: string, name: string) => {
    await ctr(namespace, 'task', 'rm', '-f', name)
  }
  return {
    socket,
    daemon: daemon.child,
    pods,
    ctr,
    stop,
    async restart(namespace, name) {
      await stop(namespace, name)
      await ctr(namespace, 'task', 'start', '-d', name)
    },
    async close() {
      await pods.removeAll()
      for (const namespace of (await ctr('default', 'namespaces', 'ls', '-q')).split('\n')) {
        const tasks = (await ctr(namespace, 'task', 'ls', '-q')).split('\n').filter(name => name !== '')
        for (const name of tasks) await stop(namespace, name)
      }
      await end(daemon.child, 'SIGTERM')
      await place.close()
    },
  }
}

function configure(folder: string, socket: string): void {
  const cni = join(folder, 'cni')
  mkdirSync(cni)
  writeFileSync(
    join(folder, 'config.toml'),
    `version = 2
root = "${folder}/root"
state = "${folder}/state"
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "${containerdImage}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${cni}"
`,
  )
  const ipam = { type: 'host-local', dataDir: join(folder, 'ipam'), ranges: [[{ subnet: '10.99.0.0/24' }]] }
  const bridge = { type: 'bridge', bridge: 'pods', isGateway: true, ipam }
  writeFileSync(join(cni, '10-pods.conflist'), JSON.stringify({ cniVersion: '0.4.0', name: 'pods', plugins: [bridge] }))
}

/** An image in the form that `docker save` writes. */
async function makeArchive({ folder, image }: EnginePlace): Promise<string> {
  const parts = join(folder, 'archive')
  mkdirSync(parts)
  copyFileSync(image, join(parts, 'layer.tar'))
  const digest = createHash('sha256').update(readFileSync(image)).digest('hex')
  const config = {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Cmd: ['/bin/sleep', '1000000'], Env: ['PATH=/bin'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
  }
  writeFileSync(join(parts, 'config.json'), JSON.stringify(config))
  const manifest = [{ Config: 'config.json', RepoTags: [containerdImage], Layers: ['layer.tar'] }]
  writeFileSync(join(parts, 'manifest.json'), JSON.stringify(manifest))
  const archive = join(folder, 'archive.tar')
  await must('tar', '-C', parts, '-cf', archive, '.')
  return archive
}
