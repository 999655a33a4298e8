/**
 * Docker through its Engine API (1.24 and later): a list for names, labels and addresses, an inspection for the process.
 * Only local sockets: the containers of a remote Docker have no namespaces here.
 */
import { lstatSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Container, ContainerProcess, Engine } from './engine.ts'
import { getJson } from './socket-json.ts'

/** Docker engines whose sockets exist, each once. */
export function findDocker(env: NodeJS.ProcessEnv): Engine[] {
  const named = env.DOCKER_HOST?.startsWith('unix://') ? [env.DOCKER_HOST.slice('unix://'.length)] : []
  const home = env.HOME || homedir()
  const known = [
    '/var/run/docker.sock',
    ...(env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'docker.sock')] : []),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
  ]
  const sockets = [...named, ...known].flatMap(path => existingSocket(path) ?? [])
  return [...new Set(sockets)].map(dockerEngine)
}

/** The engine behind a Docker socket. */
export function dockerEngine(socketPath: string): Engine {
  return {
    name: 'docker',
    address: socketPath,
    async containers(signal) {
      const listed = (await getJson(socketPath, '/containers/json', signal)) as readonly ListedContainer[] | undefined
      return (Array.isArray(listed) ? (listed as readonly ListedContainer[]) : [])
        .filter(({ State }) => State === 'running' || State === 'paused')
        .map(toContainer)
        .sort((a, b) => b.created - a.created || (a.name < b.name ? -1 : 1))
    },
    async process(id, signal): Promise<ContainerProcess | undefined> {
      const path = `/containers/${encodeURIComponent(id)}/json`
      const { State } = ((await getJson(socketPath, path, signal)) ?? {}) as { State?: ContainerState }
      if (!State?.Running || !State.Pid) return undefined
      return { pid: State.Pid, incarnation: `${State.Pid} ${State.StartedAt ?? ''}` }
    },
  }
}

/** The part of GET /containers/json that is used. */
interface ListedContainer {
  readonly Id: string
  readonly Names?: readonly string[]
  readonly Image?: string
  readonly Created?: number
  readonly State?: string
  readonly Labels?: Record<string, string> | null
  readonly NetworkSettings?: { readonly Networks?: Record<string, ContainerNetwork | null> | null }
}

interface ContainerNetwork {
  readonly IPAddress?: string
  readonly GlobalIPv6Address?: string
}

/** The part of GET /containers/ID/json that is used. */
interface ContainerState {
  readonly Running?: boolean
  readonly Pid?: number
  readonly StartedAt?: string
}

function toContainer(listed: ListedContainer): Container {
  const networks = Object.values(listed.NetworkSettings?.Networks ?? {})
  return {
    engine: 'docker',
    id: listed.Id,
    // A linked container is listed under its links too, as /other/alias; its own name has one slash.
    name: (listed.Names?.find(name => name.lastIndexOf('/') === 0) ?? listed.Id.slice(0, 12)).replace(/^\//, ''),
    prefix: '',
    image: listed.Image ?? '',
    state: listed.State === 'paused' ? 'paused' : 'running',
    created: listed.Created ?? 0,
    labels: listed.Labels ?? {},
    addresses: networks
      .flatMap(network => [network?.IPAddress ?? '', network?.GlobalIPv6Address ?? ''])
      .filter(address => address !== ''),
  }
}

/** Real path of a socket; undefined when there is none. */
function existingSocket(path: string): string | undefined {
  try {
    const real = realpathSync(path)
    return lstatSync(real).isSocket() ? real : undefined
  } catch {
    return undefined
  }
}
