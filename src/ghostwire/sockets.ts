/**
 * The `transport-ports` of a namespace. A socket of IPv6 that is bound to all addresses, or to a mapped one (RFC 4291
 * §2.5.5.2), serves IPv4 too and is listed there as well, unless it is for IPv6 alone or a socket of IPv4 has that place.
 */
import { unmapped, unspecified } from '../base/ip.ts'
import { interfacesWith } from '../model/address-book.ts'
import type { HostSnapshot, Netstack } from '../model/host.ts'
import type { Socket } from '../model/socket.ts'
import { familyNumber } from './family.ts'
import { nifId } from './ids.ts'
import { ownersJson } from './interfaces.ts'
import { compareText } from './order.ts'
import type { OwnerLookup } from './owners.ts'

/** States of net/tcp_states.h, as Ghostwire words them. */
const states = [
  '',
  'connected',
  'SYN sent',
  'SYN received',
  'FIN WAIT1',
  'FIN WAIT2',
  'time wait',
  'closed',
  'close wait',
  'last ACK',
  'listening',
  'closing',
  'new SYN received',
]
const established = 1
const finWaits = [4, 5]
const listening = 10

type Facts = Pick<HostSnapshot, 'processes' | 'services'>

/** Sockets of both families, in the order of their ports. */
export function transportPortsJson(namespace: Netstack, facts: Facts, idOfProcess: OwnerLookup) {
  const sockets = [...namespace.sockets, ...servingBoth(namespace.sockets)].sort(compareSockets)
  const family = (wanted: Socket['family']) =>
    sockets.filter(socket => socket.family === wanted).map(socket => socketJson(socket, namespace, facts, idOfProcess))
  return { ipv4: family('ipv4'), ipv6: family('ipv6') }
}

function socketJson(
  socket: Socket,
  { netns, interfaces }: Pick<Netstack, 'netns' | 'interfaces'>,
  { processes, services }: Facts,
  idOfProcess: OwnerLookup,
) {
  const { protocol, state } = socket
  const serviceOf = (port: number) => services.get(`${port}/${protocol}`) ?? ''
  return {
    family: familyNumber(socket.family),
    protocol,
    'local-address': socket.localAddress,
    'local-port': socket.localPort,
    'local-servicename': serviceOf(socket.localPort),
    'remote-address': socket.remoteAddress,
    'remote-port': socket.remotePort,
    'remote-servicename': serviceOf(socket.remotePort),
    state: states[state] ?? '',
    macrostate: macrostateOf(socket),
    owners: ownersJson(
      socket.owners.flatMap(pid => processes.get(pid) ?? []),
      idOfProcess,
    ),
    'network-interface-idrefs': interfacesWith(interfaces, socket.localAddress).map(({ index }) => nifId(netns, index)),
  }
}

/**
 * As Ghostwire sums up: UDP has no connections, so a socket with a fixed peer is connected and any other listens; a TCP
 * connection is one from its establishment until it has begun to wait for the end of the other side.
 */
function macrostateOf({ protocol, state }: Socket): 'listening' | 'connected' | 'unconnected' {
  if (state === established) return 'connected'
  if (protocol === 'udp' || state === listening) return 'listening'
  return finWaits.includes(state) ? 'connected' : 'unconnected'
}

function servingBoth(sockets: readonly Socket[]): Socket[] {
  const place = (socket: Socket) => `${socket.protocol} ${socket.localAddress} ${socket.localPort}`
  const taken = new Set(sockets.filter(({ family }) => family === 'ipv4').map(place))
  return sockets.flatMap((socket): Socket[] => {
    if (socket.family === 'ipv4') return []
    const local = unmapped(socket.localAddress)
    const isWide =
      socket.localAddress === unspecified.ipv6 && socket.remoteAddress === unspecified.ipv6 && socket.ipv6Only !== true
    if (local === undefined && !isWide) return []
    const remoteAddress = unmapped(socket.remoteAddress) ?? unspecified.ipv4
    const twin: Socket = { ...socket, family: 'ipv4', localAddress: local ?? unspecified.ipv4, remoteAddress }
    return isWide && taken.has(place(twin)) ? [] : [twin]
  })
}

function compareSockets(a: Socket, b: Socket): number {
  return (
    compareText(a.protocol, b.protocol) ||
    a.localPort - b.localPort ||
    compareText(a.localAddress, b.localAddress) ||
    a.remotePort - b.remotePort ||
    compareText(a.remoteAddress, b.remoteAddress) ||
    a.state - b.state ||
    compareText(a.owners.join(), b.owners.join())
  )
}
