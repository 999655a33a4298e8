/** Docker: its local sockets. The containers of a remote Docker have no namespaces here. */
import { join } from 'node:path'
import { homeFolder } from '../base/home.ts'
import { optionValue } from '../linux/process/proc.ts'
import { dockerApiEngine } from './docker-api.ts'
import { type EngineKind, localSocket, userFolders } from './kind.ts'

/** A Podman that answers in Docker's place is found as what it is; the other sockets of dockerd are not for us. */
const foreign = /\/podman\.sock$|\/metrics\.sock$|\/(?:libnetwork|containerd|plugins)\/[^/]+$/

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
  open: path => dockerApiEngine('docker', path),
}
