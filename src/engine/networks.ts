/**
 * The networks of an engine that have a bridge: `GET /networks` of the Docker Engine API, and Podman's own
 * `GET /libpod/networks/json`, since its imitation of the former does not tell the bridge.
 */
import type { NetworkFacts } from '../ghostwire/network-labels.ts'
import type { Engine } from './engine.ts'
import { getJson } from './socket-json.ts'

/** Asks an engine; one that has no networks of its own, or does not answer in time, has none. */
export async function askNetworks({ name, address }: Engine, signal: AbortSignal): Promise<NetworkFacts[]> {
  try {
    if (name === 'docker') return parseDockerNetworks(await getJson(address, '/networks', signal))
    if (name === 'podman') return parsePodmanNetworks(await getJson(address, '/v4.0.0/libpod/networks/json', signal))
  } catch {
    // An engine without an answer costs the names of its networks, nothing else.
  }
  return []
}

interface DockerNetwork {
  readonly Name?: string
  readonly Id?: string
  readonly Driver?: string
  readonly Internal?: boolean
  readonly Options?: Record<string, string> | null
  readonly Labels?: Record<string, string> | null
}

/** The bridge of a network is called after its id unless an option says otherwise. */
export function parseDockerNetworks(answer: unknown): NetworkFacts[] {
  const networks: readonly DockerNetwork[] = Array.isArray(answer) ? answer : []
  return networks.flatMap(({ Name, Id = '', Driver, Internal, Options, Labels }) =>
    Driver !== 'bridge' || Name === undefined
      ? []
      : {
          name: Name,
          bridge: Options?.['com.docker.network.bridge.name'] ?? `br-${Id.slice(0, 12)}`,
          isDefault: Options?.['com.docker.network.bridge.default_bridge'] === 'true',
          internal: Internal ?? false,
          labels: Labels ?? {},
        },
  )
}

interface PodmanNetwork {
  readonly name?: string
  readonly driver?: string
  readonly network_interface?: string
  readonly internal?: boolean
  readonly labels?: Record<string, string> | null
}

/** The default network is called `podman` (podman-network(1)). */
export function parsePodmanNetworks(answer: unknown): NetworkFacts[] {
  const networks: readonly PodmanNetwork[] = Array.isArray(answer) ? answer : []
  return networks.flatMap(({ name, driver, network_interface: bridge, internal, labels }) =>
    driver !== 'bridge' || name === undefined || bridge === undefined
      ? []
      : { name, bridge, isDefault: name === 'podman', internal: internal ?? false, labels: labels ?? {} },
  )
}
