/** The topology document that Ghostwire's `GET /json` answers (api/v1), from a snapshot; the same snapshot, the same text. */
import { addressBook } from '../model/address-book.ts'
import type { HostSnapshot } from '../model/host.ts'
import { relate } from '../model/relations.ts'
import { tapServers } from '../model/taps.ts'
import { forwardedPortsJson } from './forwards.ts'
import { netnsId } from './ids.ts'
import { interfacesJson } from './interfaces.ts'
import { metadataJson } from './metadata.ts'
import { ownerLookup } from './owners.ts'
import { pidNamespacesJson } from './pid-namespaces.ts'
import { routesJson } from './routes.ts'
import { transportPortsJson } from './sockets.ts'
import { groupJson, podsOf, tenantJson, tenantsOf } from './tenants.ts'

/** The document. */
export function ghostwireDocument(snapshot: HostSnapshot) {
  const { processes } = snapshot
  const namespaces = [...snapshot.namespaces].sort((a, b) => a.netns - b.netns)
  const relations = relate(namespaces, snapshot.ids)
  const all = { ...relations, servers: tapServers(namespaces, processes.values()) }
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
