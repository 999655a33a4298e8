/** Routes. */
import { addressBits, type Family, unspecified } from '../base/ip.ts'

/** Numbers of the tables every namespace has (rtnetlink(7)). */
export const routingTables = { main: 254, local: 255 } as const

/** A route to one next hop (ip-route(8)). */
export interface Route {
  readonly family: Family
  readonly type: string
  /** Network address, `0.0.0.0` or `::` for the default. */
  readonly destination: string
  /** Length of the prefix, bits. */
  readonly prefix: number
  /** Name of the interface; empty for a route that leads nowhere. */
  readonly device: string
  /** Address of the next hop; empty for none. */
  readonly nextHop: string
  /** ICMPV6_ROUTER_PREF_* as two binary digits. */
  readonly preference: string
  readonly metric: number
  readonly table: number
}

/** Whether a route is the one for what no other is for. */
export function isDefault({ family, destination, prefix }: Route): boolean {
  return prefix === 0 && destination === unspecified[family]
}

/** A route as ip-route(8) shows it. */
export function routeText(route: Route): string {
  const { family, destination, prefix, nextHop, device } = route
  const isHost = prefix === addressBits[family]
  const network = isDefault(route) ? 'default' : isHost ? destination : `${destination}/${prefix}`
  return [network, ...(nextHop === '' ? [] : ['via', nextHop]), 'dev', device].join(' ')
}
