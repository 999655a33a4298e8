/** The networks of all engines, by the network namespace in which each engine makes its bridges. */
import type { Engine } from '../../engine/engine.ts'
import { askNetworks } from '../../engine/networks.ts'
import { readNamespaceInode } from '../../linux/process/proc.ts'
import type { EngineNetwork } from '../../model/interface.ts'
import { findHost } from '../host/host.ts'

/**
 * Asks the engines for their networks. One whose process is not known, such as a socket that systemd listens on, makes
 * them on the host.
 */
export async function networksByNamespace(
  engines: readonly Engine[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, readonly EngineNetwork[]>> {
  const host = findHost()?.netns
  const found = new Map<number, EngineNetwork[]>()
  const answers = await Promise.all(
    engines.map(async engine => ({ engine, networks: await askNetworks(engine, signal) })),
  )
  for (const { engine, networks } of answers) {
    const netns = engine.daemon === undefined ? host : readNamespaceInode(engine.daemon, 'net')
    if (netns !== undefined) found.set(netns, [...(found.get(netns) ?? []), ...networks])
  }
  return found
}
