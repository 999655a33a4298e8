/**
 * Podman: its Docker-compatible API for what both have, and its own (libpod, 4.0 and later) for pods and processes. The
 * rootful socket, the caller's own rootless one, and for root those of all users; a socket is there only where
 * `podman system service` or its systemd unit is.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { dockerApiEngine, incarnation } from './docker-api.ts'
import type { Container, Engine } from './engine.ts'
import { type EngineKind, localSocket } from './kind.ts'
import { getJson } from './socket-json.ts'

const api = '/v4.0.0/libpod'
const listPath = `${api}/containers/json?filters=${encodeURIComponent('{"status":["running","paused"]}')}`

/** The Podman behind a socket. */
export function podmanEngine(socketPath: string): Engine {
  const compatible = dockerApiEngine('podman', socketPath)
  return {
    ...compatible,
    async containers(signal) {
      const [containers, details, pods] = await Promise.all([
        compatible.containers(signal),
        getJson(socketPath, listPath, signal) as Promise<readonly ListedContainer[] | null | undefined>,
        getJson(socketPath, `${api}/pods/json`, signal) as Promise<readonly ListedPod[] | null | undefined>,
      ])
      const detailsById = new Map((details ?? []).map(detail => [detail.Id, detail]))
      const podLabels = new Map((pods ?? []).map(({ Id, Labels }) => [Id, Labels ?? {}]))
      return containers.map(container => withDetails(container, detailsById.get(container.id), podLabels))
    },
  }
}

/** The part of GET /libpod/containers/json that is used. */
interface ListedContainer {
  readonly Id: string
  readonly Pid?: number
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

/** A pod's labels are not those of its containers; its infra container stands for it. */
function withDetails(
  container: Container,
  detail: ListedContainer | undefined,
  podLabels: ReadonlyMap<string, Record<string, string>>,
): Container {
  if (detail === undefined) return container
  const { Pid = 0, StartedAt = 0, Pod = '', PodName = '', IsInfra = false } = detail
  return {
    ...container,
    ...(Pid > 0 && { process: { pid: Pid, incarnation: incarnation(Pid, StartedAt) } }),
    ...(Pod !== '' && { pod: { id: Pod, name: PodName === '' ? Pod.slice(0, 12) : PodName, sandbox: IsInfra } }),
    ...(IsInfra && { labels: { ...container.labels, ...podLabels.get(Pod) } }),
  }
}

function userFolders(): string[] {
  try {
    return readdirSync('/run/user').map(user => join('/run/user', user))
  } catch {
    return []
  }
}

export const podman: EngineKind = {
  name: 'podman',
  places: env => [
    ...localSocket(env.CONTAINER_HOST),
    ...['/run', ...(env.XDG_RUNTIME_DIR ? [env.XDG_RUNTIME_DIR] : []), ...userFolders()].map(folder =>
      join(folder, 'podman/podman.sock'),
    ),
  ],
  daemons: ['podman'],
  namespaceFolders: () => ['/run/netns', ...userFolders().map(folder => join(folder, 'netns'))],
  accepts: () => true,
  open: podmanEngine,
}
