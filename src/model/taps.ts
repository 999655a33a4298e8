/** Which process serves which TUN or TAP interface. */
import type { Netstack } from './host.ts'
import type { DetailedInterface } from './interface.ts'
import type { ProcessFacts } from './process.ts'
import type { Located } from './relations.ts'

/**
 * Finds the processes that serve TUN or TAP interfaces. A descriptor tells the name alone, not the namespace
 * (tun_chr_show_fdinfo in drivers/net/tun.c): it is taken for the process's own, else for the only one that has such an interface.
 */
export function tapServers(
  namespaces: readonly Pick<Netstack, 'netns' | 'interfaces'>[],
  processes: Iterable<ProcessFacts>,
): Map<DetailedInterface, ProcessFacts[]> {
  const taps = namespaces.flatMap(({ netns, interfaces }): Located[] =>
    interfaces.filter(({ kind }) => kind === 'tuntap').map(nif => ({ netns, nif })),
  )
  const byName = Map.groupBy(taps, ({ nif }) => nif.name)
  const found = new Map<DetailedInterface, ProcessFacts[]>()
  for (const facts of processes) {
    for (const name of facts.taps) {
      const candidates = byName.get(name) ?? []
      const place =
        candidates.find(({ netns }) => netns === facts.netns) ?? (candidates.length === 1 ? candidates[0] : undefined)
      if (place !== undefined) found.set(place.nif, [...(found.get(place.nif) ?? []), facts])
    }
  }
  return found
}
