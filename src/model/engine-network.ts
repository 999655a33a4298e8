/** Which interfaces carry the networks of engines. */
import type { DetailedInterface, EngineNetwork } from './interface.ts'

/** Notes at the interfaces that carry networks which those are, in the namespace the engine lives in. */
export function withNetworks(
  interfaces: readonly DetailedInterface[],
  networks: readonly EngineNetwork[],
): DetailedInterface[] {
  const [bridges, parents] = [true, false].map(
    wanted =>
      new Map(networks.filter(({ isBridge }) => isBridge === wanted).map(network => [network.carrier, network])),
  )
  return interfaces.map(nif => {
    const network = (nif.kind === 'bridge' ? bridges?.get(nif.name) : undefined) ?? parents?.get(nif.name)
    return network === undefined ? nif : { ...nif, network }
  })
}
