/**
 * Podman: its Docker-compatible API for what both have, and its own (libpod, 4.0 and later) for pods and processes. The
 * rootful socket, the caller's own rootless one, and for root those of all users; a socket is there only where
 * `podman system service` or its systemd unit is.
 */
import { join } from 'node:path'
import { optionValue } from '../linux/process/proc.ts'
import { countOf, labelsOf, membersOf, textOf, textsOf } from './answer.ts'
import { dockerApiEngine, isListed, processFacts } from './docker-api.ts'
import { type Container, type Engine, newestFirst } from './engine.ts'
import { conmonIdOptions, type EngineKind, localSocket, userFolders } from './kind.ts'
import { parsePodmanNetworks } from './networks.ts'
import { getHeader, getJson, getJsonList } from './socket-json.ts'

const api = '/v4.0.0/libpod'
const listPath = `${api}/containers/json?filters=${encodeURIComponent('{"status":["running","paused"]}')}`

/** The Podman behind a socket. */
export function podmanEngine(socketPath: string): Engine {
  const compatible = dockerApiEngine('podman', socketPath)
  return {
    ...compatible,
    // Podman makes an id up for each answer, and takes a second to say its version in one; every answer has it in a header.
    about: async signal => ({ id: '', version: await getHeader(socketPath, '/_ping', 'libpod-api-version', signal) }),
    networks: async signal => parsePodmanNetworks(await getJson(socketPath, `${api}/networks/json`, signal)),
    async containers(signal, { addresses = false } = {}) {
      const [containers, pods, detailed] = await Promise.all([
        getJsonList(socketPath, listPath, signal),
        getJsonList(socketPath, `${api}/pods/json`, signal),
        // Only this one knows addresses, and Podman looks into each container for it: it takes twice as long.
        addresses ? compatible.containers(signal) : [],
      ])
      const podLabels = new Map(pods.map(({ Id, Labels }) => [Id, labelsOf(Labels)]))
      const addressesById = new Map(detailed.map(container => [container.id, container.addresses]))
      return containers
        .filter(isListed)
        .map(container => toContainer(socketPath, container, podLabels, addressesById.get(textOf(container.Id)) ?? []))
        .sort(newestFirst)
    },
    // `{Config: {Env, Annotations}}`; the compatible answer has no annotations.
    async configuration(id, signal) {
      const answer = await getJson(socketPath, `${api}/containers/${encodeURIComponent(id)}/json`, signal)
      const { Env, Annotations } = membersOf(membersOf(answer).Config)
      return { environment: textsOf(Env), annotations: labelsOf(Annotations) }
    },
  }
}

/**
 * `{Id, Names, Image, State, Created, Labels, Pid, StartedAt, Pod, PodName, IsInfra}`, an element of
 * GET /libpod/containers/json; Created is RFC 3339, StartedAt seconds since 1970.
 */
function toContainer(
  socket: string,
  listed: Readonly<Record<string, unknown>>,
  podLabels: ReadonlyMap<unknown, Record<string, string>>,
  addresses: readonly string[],
): Container {
  const { Names, Image, State, Created, Labels, IsInfra } = listed
  const [id, pod, podName] = [textOf(listed.Id), textOf(listed.Pod), textOf(listed.PodName)]
  const [pid, startedAt] = [countOf(listed.Pid), countOf(listed.StartedAt)]
  const sandbox = IsInfra === true
  return {
    engine: 'podman',
    socket,
    id,
    name: textsOf(Names)[0] || id.slice(0, 12),
    prefix: '',
    image: textOf(Image),
    state: State === 'paused' ? 'paused' : 'running',
    created: Math.floor(Date.parse(textOf(Created)) / 1000) || startedAt,
    // A pod's labels are not those of its containers; its infra container stands for it.
    labels: { ...labelsOf(Labels), ...(sandbox && podLabels.get(pod)) },
    addresses,
    ...(pid > 0 && { process: processFacts(pid, startedAt) }),
    ...(pod !== '' && { pod: { id: pod, name: podName || pod.slice(0, 12), sandbox } }),
  }
}

/** conmon(8): `-c ID -n NAME`. */
function conmonTrace(args: readonly string[]) {
  const id = optionValue(args, conmonIdOptions)
  return id === undefined ? undefined : { id, name: optionValue(args, ['-n', '--name']) }
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
  traces: {
    groups: [/^libpod-([0-9a-f]{64})(?:\.scope)?$/],
    // conmon runs in a folder that is called after the pod.
    monitorGroup: /\/[0-9a-f]{64}\/conmon$/,
    monitors: { conmon: { idOptions: conmonIdOptions, trace: conmonTrace, knowsName: true } },
  },
  fixes: { silent: 'systemctl restart podman.socket' },
}
