/** Families of addresses as the topology document has them. */
import type { Family } from '../base/ip.ts'

/** The `family` of an address, a socket or a route: AF_INET or AF_INET6 of Linux (bits/socket.h). */
export function familyNumber(family: Family): number {
  return family === 'ipv4' ? 2 : 10
}
