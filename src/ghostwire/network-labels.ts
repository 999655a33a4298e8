/** The names that engines give to their networks, put on the bridges that carry them: as labels, and as alias. */
import type { Link } from './snapshot.ts'

/** A network of an engine. */
export interface NetworkFacts {
  readonly name: string
  /** Name of its bridge, in the namespace of the engine. */
  readonly bridge: string
  readonly isDefault: boolean
  readonly internal: boolean
  readonly labels: Readonly<Record<string, string>>
}

/** Labels the bridges among the interfaces of the namespace the engine lives in. */
export function labelBridges(links: readonly Link[], networks: readonly NetworkFacts[]): Link[] {
  const byBridge = new Map(networks.map(network => [network.bridge, network]))
  return links.map(link => {
    const network = link.kind === 'bridge' ? byBridge.get(link.name) : undefined
    return network === undefined ? link : { ...link, alias: network.name, labels: labelsOf(network) }
  })
}

function labelsOf({ name, isDefault, internal, labels }: NetworkFacts): Record<string, string> {
  return {
    ...labels,
    'gostwire/network/name': name,
    ...(isDefault && { 'gostwire/network/default-bridge': 'true' }),
    ...(internal && { 'gostwire/bridge/internal': 'true' }),
  }
}
