/** Sockets, and the packets they take. */
import { type Family, familyOf, unmapped, unspecified } from '../base/ip.ts'

/** A TCP or UDP socket (proc_pid_net(5)). */
export interface Socket {
  readonly family: Family
  readonly protocol: 'tcp' | 'udp'
  readonly localAddress: string
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
  /** It is one of IPv6 that takes no IPv4 (IPV6_V6ONLY, ipv6(7)). */
  readonly ipv6Only?: boolean
  /** Number of the state in net/tcp_states.h. */
  readonly state: number
  /** Processes that hold it open. */
  readonly owners: readonly number[]
}

/** The sockets without a fixed peer that take what is sent to an address and a port. */
export function socketsServing(sockets: readonly Socket[], protocol: string, address: string, port: number): Socket[] {
  return sockets.filter(
    socket =>
      socket.protocol === protocol &&
      socket.localPort === port &&
      socket.remotePort === 0 &&
      takesAddress(socket, address),
  )
}

function takesAddress({ localAddress, ipv6Only = false }: Socket, address: string): boolean {
  if (localAddress === unspecified.ipv6) return familyOf(address) === 'ipv6' || !ipv6Only
  return [address, unspecified.ipv4].includes(unmapped(localAddress) ?? localAddress)
}
