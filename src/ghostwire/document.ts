/** The topology document that Ghostwire's `GET /json` answers (api/v1), from a snapshot; the same snapshot, the same text. */
import { addressBook, forwardedPortsJson } from './forwards.ts'
import { netnsId } from './ids.ts'
import { interfacesJson, neighbours } from './interfaces.ts'
import { metadataJson } from './metadata.ts'
import { ownerLookup } from './owners.ts'
import { pidNamespacesJson } from './pid-namespaces.ts'
import { type Located, relate } from './relations.ts'
import { routesJson } from './routes.ts'
import type { Link, NamespaceSnapshot, ProcessFacts, Snapshot } from './snapshot.ts'
import { transportPortsJson } from './sockets.ts'
import { groupJson, podsOf, tenantJson, tenantsOf } from './tenants.ts'

/** The document. */
export function ghostwireDocument(snapshot: Snapshot) {
  const { processes } = snapshot
  const namespaces = [...snapshot.namespaces].sort((a, b) => a.netns - b.netns)
  const relations = relate(namespaces, snapshot.ids)
  const all = neighbours(namespaces, relations, tapProcessors(namespaces, processes))
  const book = addressBook(namespaces, relations.lowers)
  const commandOf = (pid: number) => processes.get(pid)?.command ?? ''
  const tenants = new Map(namespaces.map(({ netns, targets }) => [netns, tenantsOf(targets, commandOf)]))
  const idOfProcess = ownerLookup(snapshot, tenants)
  let groups = 0
  return {
    metadata: metadataJson(snapshot.host),
    'network-namespaces': namespaces.map(namespace => {
      const here = tenants.get(namespace.netns) ?? []
      const pods = podsOf(here).map(([pod, members]) => ({ id: `group-${++groups}`, pod, members }))
      const groupOf = new Map(pods.map(({ id, pod }) => [pod, id]))
      return {
        id: netnsId(namespace.netns),
        netnsid: namespace.netns,
        'container-groups': pods.map(({ id, pod, members }) => groupJson(id, pod, members)),
        containers: here.map(tenant =>
          tenantJson(
            tenant,
            (tenant.pod && groupOf.get(tenant.pod)) ?? '',
            processes.get(tenant.pid),
            snapshot.host.engines,
          ),
        ),
        'network-interfaces': interfacesJson(namespace, all, idOfProcess),
        routes: routesJson(namespace),
        'transport-ports': transportPortsJson(namespace, snapshot, idOfProcess),
        'forwarded-ports': forwardedPortsJson(namespace, book, snapshot, idOfProcess),
      }
    }),
    'pid-namespaces': pidNamespacesJson(snapshot.pidNamespaces, [...tenants.values()].flat(), processes),
  }
}

/**
 * Processes by the TUN or TAP interface they serve. A descriptor tells the name alone, not the namespace (tun_chr_show_fdinfo
 * in drivers/net/tun.c): it is taken for the process's own, else for the only one that has such an interface.
 */
function tapProcessors(
  namespaces: readonly NamespaceSnapshot[],
  processes: ReadonlyMap<number, ProcessFacts>,
): Map<Link, ProcessFacts[]> {
  const taps = namespaces.flatMap(({ netns, links }): Located[] =>
    links.filter(({ kind }) => kind === 'tuntap').map(link => ({ netns, link })),
  )
  const byName = Map.groupBy(taps, ({ link }) => link.name)
  const found = new Map<Link, ProcessFacts[]>()
  for (const facts of processes.values()) {
    for (const name of facts.taps) {
      const candidates = byName.get(name) ?? []
      const place =
        candidates.find(({ netns }) => netns === facts.netns) ?? (candidates.length === 1 ? candidates[0] : undefined)
      if (place !== undefined) found.set(place.link, [...(found.get(place.link) ?? []), facts])
    }
  }
  return found
}
