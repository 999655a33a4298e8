/** The names that engines give to their networks, put on the interfaces that carry them: as labels, and as alias. */
import type { Link } from './snapshot.ts'

/** A network of an engine. */
export interface NetworkFacts {
  readonly name: string
  /** Name of the interface that carries it, in the namespace of the engine: its bridge, or what its interfaces are stacked on. */
  readonly carrier: string
  /** Whether it has a bridge. */
  readonly isBridge: boolean
  readonly isDefault: boolean
  readonly internal: boolean
  readonly labels: Readonly<Record<string, string>>
}

/** Labels the interfaces that carry networks, in the namespace the engine lives in. */
export function labelBridges(links: readonly Link[], networks: readonly NetworkFacts[]): Link[] {
  const [bridges, parents] = [true, false].map(
    wanted =>
      new Map(networks.filter(({ isBridge }) => isBridge === wanted).map(network => [network.carrier, network])),
  )
  return links.map(link => {
    const network = (link.kind === 'bridge' ? bridges?.get(link.name) : undefined) ?? parents?.get(link.name)
    return network === undefined ? link : { ...link, alias: network.name, labels: labelsOf(network) }
  })
}

function labelsOf({ name, isBridge, isDefault, internal, labels }: NetworkFacts): Record<string, string> {
  return {
    ...labels,
    'gostwire/network/name': name,
    ...(isDefault && { 'gostwire/network/default-bridge': 'true' }),
    ...(isBridge && internal && { 'gostwire/bridge/internal': 'true' }),
  }
}
