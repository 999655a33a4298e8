/**
 * Keeps a capture from capturing the connection that carries it away, where each packet would make the next. The
 * connection is known by both ends; a proxy on the way by the client it speaks for and the port it listens on.
 */
import { RemoraError } from '../../base/errors.ts'
import { isLoopback } from '../../base/loopback.ts'
import { readSshConnection } from '../../linux/process/ssh.ts'
import type { NetworkInterface } from '../../model/interface.ts'

/** One TCP connection of the stream, as the service sees it. */
export interface StreamConnection {
  readonly addresses: readonly [string, string]
  /** Known ports, one or both. */
  readonly ports: readonly number[]
}

/** Where the target's network stands to the service's own. */
interface Place {
  /** It is the very namespace the service runs in, or the host's, through which everything goes. */
  readonly central: boolean
  readonly interfaces: readonly Pick<NetworkInterface, 'addresses'>[]
}

/** The connections whose packets the target's interfaces would show. */
export function carried(connections: readonly StreamConnection[], place: Place): StreamConnection[] {
  const own = new Set(place.interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address)))
  return connections.filter(({ addresses }) =>
    isLoopback(addresses[0]) ? place.central : place.central || addresses.some(address => own.has(address)),
  )
}

/** The connection a capture to standard output leaves by, where this program runs in a session of SSH. */
export function sessionConnections(): readonly StreamConnection[] {
  const session = readSshConnection()
  return session === undefined ? [] : [session]
}

/** A filter that lets everything pass but these connections (pcap-filter(7)); empty for none. */
export function exclusion(connections: readonly StreamConnection[]): string {
  return connections
    .map(({ addresses: [a, b], ports }) => {
      const hosts = a === b ? [a] : [a, b]
      const parts = ['tcp', ...hosts.map(host => `host ${host}`), ...[...new Set(ports)].map(port => `port ${port}`)]
      return `not (${parts.join(' and ')})`
    })
    .join(' and ')
}

/**
 * Both filters as one. The exclusion comes first, since a word like `vlan` moves what follows it.
 * @throws RemoraError FILTER_INVALID when the filter would break out of its parentheses
 */
export function both(excluding: string, filter: string): string {
  if (excluding === '' || filter === '') return `${excluding}${filter}`
  let depth = 0
  for (const character of filter) {
    if (character === '(') depth++
    if (character === ')') depth--
    if (depth < 0) break
  }
  if (depth === 0) return `${excluding} and (${filter})`
  throw new RemoraError(
    'FILTER_INVALID',
    `the parentheses of the capture filter "${filter.slice(0, 200)}" do not match`,
    { hint: 'Each ( needs its ), as in: tcp and (port 80 or port 443)' },
  )
}

/** What {@link both} has put before a filter: the exclusion; empty for none. */
export function exclusionIn(together: string, filter: string): string {
  if (filter === '') return together
  const behind = ` and (${filter})`
  return together.endsWith(behind) ? together.slice(0, -behind.length) : ''
}
