/** Docker: its local sockets. The containers of a remote Docker have no namespaces here. */
import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { homeFolder } from '../base/home.ts'
import { optionValue } from '../linux/process/proc.ts'
import { membersOf, textOf } from './answer.ts'
import { dockerNamespace, shim, shimNamespace } from './containerd-shim.ts'
import { dockerApiEngine } from './docker-api.ts'
import type { Engine } from './engine.ts'
import { type EngineKind, localSocket, userFolders } from './kind.ts'
import { parseDockerNetworks } from './networks.ts'
import { getJson } from './socket-json.ts'

/** A Podman that answers in Docker's place is found as what it is; the other sockets of dockerd are not for us. */
const foreign = /\/podman\.sock$|\/metrics\.sock$|\/(?:libnetwork|containerd|plugins)\/[^/]+$/

/** The Docker behind a socket. */
export function dockerEngine(socketPath: string): Engine {
  return {
    ...dockerApiEngine('docker', socketPath),
    async about(signal) {
      const { ID, ServerVersion } = membersOf(await getJson(socketPath, '/info', signal))
      return { id: textOf(ID), version: textOf(ServerVersion) }
    },
    networks: async signal => parseDockerNetworks(await getJson(socketPath, '/networks', signal)),
  }
}

const maxConfigBytes = 1024 * 1024

/** Docker keeps the name in a file of its own, which outlives a daemon that is down. */
function storedName(id: string): string | undefined {
  try {
    const file = openSync(`/var/lib/docker/containers/${id}/config.v2.json`, 'r')
    try {
      const bytes = Buffer.alloc(maxConfigBytes)
      const { Name } = JSON.parse(bytes.toString('utf8', 0, readSync(file, bytes))) as { Name?: unknown }
      return typeof Name === 'string' && Name.length > 1 ? Name.replace(/^\//, '') : undefined
    } finally {
      closeSync(file)
    }
  } catch {
    return undefined
  }
}

/** Docker, rootful and rootless. */
export const docker: EngineKind = {
  name: 'docker',
  places(env) {
    const home = homeFolder(env)
    return [
      ...localSocket(env.DOCKER_HOST),
      '/var/run/docker.sock',
      ...userFolders(env).map(folder => join(folder, 'docker.sock')),
      join(home, '.docker/run/docker.sock'),
      join(home, '.docker/desktop/docker.sock'),
    ]
  },
  daemons: ['dockerd'],
  // dockerd(8): --exec-root
  namespaceFolders: (args = []) => [join(optionValue(args, ['--exec-root']) ?? '/run/docker', 'netns')],
  accepts: path => !foreign.test(path),
  open: dockerEngine,
  yieldsTo: { engine: 'cri' },
  traces: {
    groups: [/^docker-([0-9a-f]{64})\.scope$/, /^docker\/([0-9a-f]{64})$/],
    monitors: { 'containerd-shim': { ...shim, watches: args => shimNamespace(args) === dockerNamespace } },
    nameOf: storedName,
  },
  fixes: {
    forbidden: user => `sudo usermod -aG docker ${user}  (then log in again)`,
    silent: 'sudo systemctl restart docker',
  },
}
