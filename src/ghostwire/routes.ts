/** The `routes` of a namespace, by family. A route that leads nowhere has no interface and no next hop. */
import type { Family } from '../base/ip.ts'
import type { Netstack } from '../model/host.ts'
import type { Route } from '../model/route.ts'
import { familyNumber } from './family.ts'
import { nifId } from './ids.ts'
import { compareText } from './order.ts'

/** Routes of both families: the main table first, the longest prefix first. */
export function routesJson(namespace: Pick<Netstack, 'netns' | 'interfaces' | 'routes'>) {
  return { ipv4: familyJson(namespace, 'ipv4'), ipv6: familyJson(namespace, 'ipv6') }
}

function familyJson({ netns, interfaces, routes }: Pick<Netstack, 'netns' | 'interfaces' | 'routes'>, family: Family) {
  const indexes = new Map(interfaces.map(({ name, index }) => [name, index]))
  return routes
    .filter(route => route.family === family)
    .sort((a, b) => compareRoutes(a, b) || (indexes.get(a.device) ?? 0) - (indexes.get(b.device) ?? 0))
    .map(route => {
      const index = indexes.get(route.device)
      return {
        type: route.type,
        family: familyNumber(family),
        destination: route.destination,
        'destination-prefixlen': route.prefix,
        ...(index !== undefined && { index, 'network-interface-idref': nifId(netns, index) }),
        ...(route.nextHop !== '' && { 'next-hop': route.nextHop }),
        preference: route.preference,
        priority: route.metric,
        table: route.table,
      }
    })
}

function compareRoutes(a: Route, b: Route): number {
  return (
    a.table - b.table ||
    b.prefix - a.prefix ||
    compareText(a.destination, b.destination) ||
    a.metric - b.metric ||
    compareText(a.type, b.type) ||
    compareText(a.nextHop, b.nextHop)
  )
}
