/** From a route in the JSON of `ip route` to those of the model: one for each of its next hops. */
import { addressBits, familyOf, unspecified } from '../../base/ip.ts'
import { type Route, routingTables } from '../../model/route.ts'

/** The part that is used. */
export interface IpRoute {
  readonly dst: string
  readonly type?: string
  readonly gateway?: string
  readonly via?: { readonly host?: string }
  readonly dev?: string
  /** Number, or name of /etc/iproute2/rt_tables; left out for `main`. */
  readonly table?: string | number
  readonly metric?: number
  /** Always there for IPv6, and only there. */
  readonly pref?: string
  readonly nexthops?: readonly Pick<IpRoute, 'gateway' | 'via' | 'dev'>[]
}

const tables: Readonly<Record<string, number>> = routingTables

/** Router preference of RFC 4191 in two binary digits. */
const preferences: Readonly<Record<string, string>> = { high: '01', low: '11' }

/** Reads one route; addresses without a prefix are those of single hosts. */
export function toRoutes(route: IpRoute): Route[] {
  const { dst, type = 'unicast', table = 'main', metric = 0, pref, nexthops = [route] } = route
  const family = pref === undefined ? familyOf(dst) : 'ipv6'
  const [address = '', prefix = addressBits[family]] = dst === 'default' ? [unspecified[family], '0'] : dst.split('/')
  return nexthops.map(({ gateway, via, dev }) => ({
    family,
    type,
    destination: address,
    prefix: Number(prefix),
    device: dev ?? '',
    nextHop: gateway ?? via?.host ?? '',
    preference: preferences[pref ?? ''] ?? '00',
    metric,
    table: tables[table] ?? (Number(table) || 0),
  }))
}
