/**
 * The networks of an engine that have a bridge: `GET /networks` of the Docker Engine API, and Podman's own
 * `GET /libpod/networks/json`, since its imitation of the former does not tell the bridge.
 */
import type { NetworkFacts } from '../ghostwire/network-labels.ts'
import { labelsOf, objectsOf, textOf } from './answer.ts'
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

/** The bridge of a network is called after its id unless an option says otherwise. */
export function parseDockerNetworks(answer: unknown): NetworkFacts[] {
  return objectsOf(answer).flatMap(({ Name, Id, Driver, Internal, Options, Labels }) => {
    const options = labelsOf(Options)
    return Driver !== 'bridge' || textOf(Name) === ''
      ? []
      : {
          name: textOf(Name),
          bridge: options['com.docker.network.bridge.name'] ?? `br-${textOf(Id).slice(0, 12)}`,
          isDefault: options['com.docker.network.bridge.default_bridge'] === 'true',
          internal: Internal === true,
          labels: labelsOf(Labels),
        }
  })
}

/** The default network is called `podman` (podman-network(1)). */
export function parsePodmanNetworks(answer: unknown): NetworkFacts[] {
  return objectsOf(answer).flatMap(({ name, driver, network_interface: bridge, internal, labels }) =>
    driver !== 'bridge' || textOf(name) === '' || textOf(bridge) === ''
      ? []
      : {
          name: textOf(name),
          bridge: textOf(bridge),
          isDefault: name === 'podman',
          internal: internal === true,
          labels: labelsOf(labels),
        },
  )
}
