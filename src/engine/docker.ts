/** Docker: its local sockets. The containers of a remote Docker have no namespaces here. */
import { join } from 'node:path'
import { homeFolder } from '../base/home.ts'
import { optionValue } from '../linux/process/proc.ts'
import { membersOf, textOf } from './answer.ts'
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
  fixes: {
    forbidden: user => `sudo usermod -aG docker ${user}  (then log in again)`,
    silent: 'sudo systemctl restart docker',
  },
}
