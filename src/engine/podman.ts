/**
 * Podman: its Docker-compatible API for what both have, and its own (libpod, 4.0 and later) for pods and processes. The
 * rootful socket, the caller's own rootless one, and for root those of all users; a socket is there only where
 * `podman system service` or its systemd unit is.
 */
import { join } from 'node:path'
import { dockerApiEngine, processFacts } from './docker-api.ts'
import { type Container, type Engine, newestFirst } from './engine.ts'
import { type EngineKind, localSocket, userFolders } from './kind.ts'
import { getJson } from './socket-json.ts'

const api = '/v4.0.0/libpod'
const listPath = `${api}/containers/json?filters=${encodeURIComponent('{"status":["running","paused"]}')}`

/** The Podman behind a socket. */
export function podmanEngine(socketPath: string): Engine {
  const compatible = dockerApiEngine('podman', socketPath)
  return {
    ...compatible,
    async containers(signal, { addresses = false } = {}) {
      const [containers, pods, detailed] = await Promise.all([
        getJson(socketPath, listPath, signal) as Promise<readonly ListedContainer[] | null | undefined>,
        getJson(socketPath, `${api}/pods/json`, signal) as Promise<readonly ListedPod[] | null | undefined>,
        // Only this one knows addresses, and Podman looks into each container for it: it takes twice as long.
        addresses ? compatible.containers(signal) : [],
      ])
      const podLabels = new Map((pods ?? []).map(({ Id, Labels }) => [Id, Labels ?? {}]))
      const addressesById = new Map(detailed.map(container => [container.id, container.addresses]))
      return (containers ?? [])
        .filter(({ State }) => State === 'running' || State === 'paused')
        .map(container => toContainer(socketPath, container, podLabels, addressesById.get(container.Id) ?? []))
        .sort(newestFirst)
    },
  }
}

/** The part of GET /libpod/containers/json that is used. */
interface ListedContainer {
  readonly Id: string
  readonly Names?: readonly string[] | null
  readonly Image?: string
  readonly State?: string
  /** RFC 3339. */
  readonly Created?: string
  readonly Labels?: Record<string, string> | null
  readonly Pid?: number
  /** Seconds since 1970. */
  readonly StartedAt?: number
  readonly Pod?: string
  readonly PodName?: string
  readonly IsInfra?: boolean
}

/** The part of GET /libpod/pods/json that is used. */
interface ListedPod {
  readonly Id: string
  readonly Labels?: Record<string, string> | null
}

function toContainer(
  socket: string,
  listed: ListedContainer,
  podLabels: ReadonlyMap<string, Record<string, string>>,
  addresses: readonly string[],
): Container {
  const { Id, Pid = 0, StartedAt = 0, Pod = '', PodName = '', IsInfra = false } = listed
  return {
    engine: 'podman',
    socket,
    id: Id,
    name: listed.Names?.[0] ?? Id.slice(0, 12),
    prefix: '',
    image: listed.Image ?? '',
    state: listed.State === 'paused' ? 'paused' : 'running',
    created: Math.floor(Date.parse(listed.Created ?? '') / 1000) || StartedAt,
    // A pod's labels are not those of its containers; its infra container stands for it.
    labels: { ...listed.Labels, ...(IsInfra && podLabels.get(Pod)) },
    addresses,
    ...(Pid > 0 && { process: processFacts(Pid, StartedAt) }),
    ...(Pod !== '' && { pod: { id: Pod, name: PodName === '' ? Pod.slice(0, 12) : PodName, sandbox: IsInfra } }),
  }
}

/** Podman, rootful and rootless. */
export const podman: EngineKind = {
  name: 'podman',
  places: env => [
    ...localSocket(env.CONTAINER_HOST),
    ...['/run', ...userFolders(env)].map(folder => join(folder, 'podman/podman.sock')),
  ],
  daemons: ['podman'],
  namespaceFolders: () => ['/run/netns', ...userFolders(process.env).map(folder => join(folder, 'netns'))],
  accepts: () => true,
  open: podmanEngine,
}
