/**
 * The `forwarded-ports` of a namespace: where a packet for an address and a port is sent instead, in which namespace that
 * is, and who listens there.
 */
import { unspecified } from '../base/ip.ts'
import { type AddressBook, distancesFrom, holderOf, interfacesWith } from '../model/address-book.ts'
import type { Forward } from '../model/forward.ts'
import type { HostSnapshot, Netstack } from '../model/host.ts'
import { socketsServing } from '../model/socket.ts'
import { familyNumber } from './family.ts'
import { nifId } from './ids.ts'
import { ownersJson } from './interfaces.ts'
import { compareText } from './order.ts'
import type { OwnerLookup } from './owners.ts'

/** Forwarded ports of both families, each once, in the order of their ports. */
export function forwardedPortsJson(
  namespace: Netstack,
  book: AddressBook,
  facts: Pick<HostSnapshot, 'processes' | 'services'>,
  idOfProcess: OwnerLookup,
) {
  const distinct = [...new Map(namespace.forwards.map(forward => [JSON.stringify(keyOf(forward)), forward])).values()]
  const sorted = distinct.sort(compareForwards)
  const distances = sorted.length === 0 ? new Map<number, number>() : distancesFrom(namespace.netns, book)
  const family = (wanted: Forward['family']) =>
    sorted
      .filter(forward => forward.family === wanted)
      .map(forward => {
        const destination = holderOf(forward.toAddress, namespace.netns, distances, book)
        return forwardJson(forward, destination, facts, idOfProcess)
      })
  return { ipv4: family('ipv4'), ipv6: family('ipv6') }
}

function forwardJson(
  forward: Forward,
  destination: Netstack | undefined,
  { processes, services }: Pick<HostSnapshot, 'processes' | 'services'>,
  idOfProcess: OwnerLookup,
) {
  const { protocol, address, port, toAddress, toPort } = forward
  const listeners = socketsServing(destination?.sockets ?? [], protocol, toAddress, toPort)
  const owners = new Set(listeners.flatMap(socket => socket.owners))
  const serviceOf = (number: number) => services.get(`${number}/${protocol}`) ?? ''
  return {
    family: familyNumber(forward.family),
    protocol,
    ip: address === '' ? unspecified[forward.family] : address,
    port,
    servicename: serviceOf(port),
    'forward-ip': toAddress,
    'forward-port': toPort,
    'forward-servicename': serviceOf(toPort),
    netnsid: destination?.netns ?? 0,
    owners: ownersJson(
      [...owners].flatMap(pid => processes.get(pid) ?? []),
      idOfProcess,
    ),
    'network-interface-refs': interfacesWith(destination?.interfaces ?? [], toAddress).map(({ index }) =>
      nifId(destination?.netns ?? 0, index),
    ),
  }
}

function keyOf({ family, protocol, address, port, toAddress, toPort }: Forward) {
  return [family, protocol, address, port, toAddress, toPort]
}

function compareForwards(a: Forward, b: Forward): number {
  return (
    compareText(a.protocol, b.protocol) ||
    a.port - b.port ||
    compareText(a.address, b.address) ||
    compareText(a.toAddress, b.toAddress) ||
    a.toPort - b.toPort
  )
}
