/**
 * The Docker Engine API (1.24 and later), as Docker and Podman speak it: a list for names, labels and addresses, an
 * inspection for the process. A paused container is not running for Podman, and not listed by it unless asked for.
 */
import { lstatSync, realpathSync } from 'node:fs'
import { type Container, type ContainerProcess, type Engine, newestFirst } from './engine.ts'
import { getJson } from './socket-json.ts'

const listPath = `/containers/json?filters=${encodeURIComponent('{"status":["running","paused"]}')}`

/** The engine behind a socket that speaks the Docker Engine API. */
export function dockerApiEngine(name: Engine['name'], socketPath: string): Engine {
  return {
    name,
    address: socketPath,
    async containers(signal) {
      const answer = await getJson(socketPath, listPath, signal)
      const listed: readonly ListedContainer[] = Array.isArray(answer) ? answer : []
      return listed
        .filter(({ State }) => State === 'running' || State === 'paused')
        .map(container => toContainer(name, container))
        .sort(newestFirst)
    },
    async process(id, signal): Promise<ContainerProcess | undefined> {
      const path = `/containers/${encodeURIComponent(id)}/json`
      const { State } = ((await getJson(socketPath, path, signal)) ?? {}) as { State?: ContainerState }
      if (!(State?.Running || State?.Paused) || !State.Pid) return undefined
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
  readonly Paused?: boolean
  readonly Pid?: number
  readonly StartedAt?: string
}

function toContainer(engine: Engine['name'], listed: ListedContainer): Container {
  const networks = Object.values(listed.NetworkSettings?.Networks ?? {})
  return {
    engine,
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

/** Real paths of the sockets that exist, each once. */
export function existingSockets(paths: readonly string[]): string[] {
  return [...new Set(paths.flatMap(path => existingSocket(path) ?? []))]
}

function existingSocket(path: string): string | undefined {
  try {
    const real = realpathSync(path)
    return lstatSync(real).isSocket() ? real : undefined
  } catch {
    return undefined
  }
}
