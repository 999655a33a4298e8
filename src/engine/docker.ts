/** Docker: its local sockets. The containers of a remote Docker have no namespaces here. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { dockerApiEngine } from './docker-api.ts'
import type { Engine } from './engine.ts'
import { existingSockets } from './sockets.ts'

/** Docker engines whose sockets exist; a Podman that answers in Docker's place is found as what it is. */
export function findDocker(env: NodeJS.ProcessEnv): Engine[] {
  const named = env.DOCKER_HOST?.startsWith('unix://') ? [env.DOCKER_HOST.slice('unix://'.length)] : []
  const home = env.HOME || homedir()
  const known = [
    '/var/run/docker.sock',
    ...(env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'docker.sock')] : []),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
  ]
  return existingSockets([...named, ...known])
    .filter(path => !path.endsWith('/podman.sock'))
    .map(path => dockerApiEngine('docker', path))
}
