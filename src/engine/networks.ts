/**
 * The networks of an engine that an interface of the host carries, a bridge or the parent of macvlan or ipvlan interfaces:
 * `GET /networks` of the Docker Engine API, and Podman's own `GET /libpod/networks/json`, since its imitation of the former
 * does not tell the interface.
 */
import type { EngineNetwork } from '../model/interface.ts'
import { labelsOf, objectsOf, textOf } from './answer.ts'
import type { Engine } from './engine.ts'

/** Asks an engine; one that has no networks of its own, or does not answer in time, has none. */
export async function askNetworks(engine: Engine, signal: AbortSignal): Promise<readonly EngineNetwork[]> {
  try {
    return (await engine.networks?.(signal)) ?? []
  } catch {
    // An engine without an answer costs the names of its networks, nothing else.
    return []
  }
}

/** What the interface of a network is called by its driver, before its id, unless an option says otherwise (libnetwork). */
const prefixes = new Map([
  ['bridge', 'br-'],
  ['macvlan', 'dm-'],
  ['ipvlan', 'di-'],
])

/** Reads the list of Docker. */
export function parseDockerNetworks(answer: unknown): EngineNetwork[] {
  return objectsOf(answer).flatMap(({ Name, Id, Driver, Internal, Options, Labels }) => {
    const options = labelsOf(Options)
    const prefix = prefixes.get(textOf(Driver))
    const named = options[Driver === 'bridge' ? 'com.docker.network.bridge.name' : 'parent'] ?? ''
    const carrier = named === '' ? `${prefix}${textOf(Id).slice(0, 12)}` : named
    return prefix === undefined || textOf(Name) === ''
      ? []
      : {
          name: textOf(Name),
          carrier,
          isBridge: Driver === 'bridge',
          isDefault: options['com.docker.network.bridge.default_bridge'] === 'true',
          internal: Internal === true,
          labels: labelsOf(Labels),
        }
  })
}

/** The default network is called `podman` (podman-network(1)). */
export function parsePodmanNetworks(answer: unknown): EngineNetwork[] {
  return objectsOf(answer).flatMap(({ name, driver, network_interface: carrier, internal, labels }) =>
    !prefixes.has(textOf(driver)) || textOf(name) === '' || textOf(carrier) === ''
      ? []
      : {
          name: textOf(name),
          carrier: textOf(carrier),
          isBridge: driver === 'bridge',
          isDefault: name === 'podman',
          internal: internal === true,
          labels: labelsOf(labels),
        },
  )
}
