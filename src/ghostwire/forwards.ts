/**
 * The `forwarded-ports` of a namespace: where a packet for an address and a port is sent instead, in which namespace that
 * is, and who listens there.
 */
import { familyNumber } from './family.ts'
import { nifId } from './ids.ts'
import { ownersJson } from './interfaces.ts'
import { compareText } from './order.ts'
import type { OwnerLookup } from './owners.ts'
import type { Relations } from './relations.ts'
import type { Forward, NamespaceSnapshot, Snapshot, Socket } from './snapshot.ts'
import { linksWith } from './sockets.ts'

/** What stands for every address of a family. */
const unspecified: Readonly<Record<Forward['family'], string>> = { ipv4: '0.0.0.0', ipv6: '::' }

/** Who has an address: asked once for all namespaces. */
export interface AddressBook {
  readonly holders: ReadonlyMap<string, ReadonlySet<number>>
  /** Namespaces that an interface leads to from another one, and back. */
  readonly adjacent: ReadonlyMap<number, ReadonlySet<number>>
  readonly byNetns: ReadonlyMap<number, NamespaceSnapshot>
}

/** Notes which namespaces have which address, those of loopbacks are everywhere, and which lie next to each other. */
export function addressBook(namespaces: readonly NamespaceSnapshot[], lowers: Relations['lowers']): AddressBook {
  const holders = new Map<string, Set<number>>()
  for (const { netns, links } of namespaces) {
    for (const { address } of links.filter(({ loopback }) => !loopback).flatMap(({ addresses }) => addresses)) {
      holders.set(address, (holders.get(address) ?? new Set()).add(netns))
    }
  }
  const adjacent = new Map<number, Set<number>>()
  const connect = (from: number, to: number) => adjacent.set(from, (adjacent.get(from) ?? new Set()).add(to))
  for (const { netns, links } of namespaces) {
    for (const other of new Set(links.flatMap(link => lowers.get(link)?.netns ?? []))) {
      connect(netns, other)
      connect(other, netns)
    }
  }
  return { holders, adjacent, byNetns: new Map(namespaces.map(namespace => [namespace.netns, namespace])) }
}

/** Forwarded ports of both families, each once, in the order of their ports. */
export function forwardedPortsJson(
  namespace: NamespaceSnapshot,
  book: AddressBook,
  facts: Pick<Snapshot, 'processes' | 'services'>,
  idOfProcess: OwnerLookup,
) {
  const distinct = [...new Map(namespace.forwards.map(forward => [JSON.stringify(keyOf(forward)), forward])).values()]
  const sorted = distinct.sort(compareForwards)
  const distances = sorted.length === 0 ? new Map<number, number>() : distancesFrom(namespace.netns, book)
  const family = (wanted: Forward['family']) =>
    sorted
      .filter(forward => forward.family === wanted)
      .map(forward => {
        const destination = destinationOf(forward.toAddress, namespace.netns, distances, book)
        return forwardJson(forward, destination, facts, idOfProcess)
      })
  return { ipv4: family('ipv4'), ipv6: family('ipv6') }
}

function forwardJson(
  forward: Forward,
  destination: NamespaceSnapshot | undefined,
  { processes, services }: Pick<Snapshot, 'processes' | 'services'>,
  idOfProcess: OwnerLookup,
) {
  const { protocol, address, port, toAddress, toPort } = forward
  const listeners = (destination?.sockets ?? []).filter(
    socket =>
      socket.protocol === protocol &&
      socket.localPort === toPort &&
      socket.remotePort === 0 &&
      isServedBy(socket, toAddress),
  )
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
    'network-interface-refs': destination === undefined ? [] : interfacesWith(destination, toAddress),
  }
}

/** Whether a socket takes what is sent to an address. */
function isServedBy({ localAddress, ipv6Only = false }: Socket, address: string): boolean {
  if (localAddress === '::') return address.includes(':') || !ipv6Only
  return [address, '0.0.0.0', `::ffff:${address}`].includes(localAddress)
}

/** Ids of the interfaces packets for an address arrive at. */
function interfacesWith({ netns, links }: NamespaceSnapshot, address: string): string[] {
  return linksWith(links, address).map(({ index }) => nifId(netns, index))
}

/**
 * The namespace that has an address: the nearest that interfaces lead to. One that nothing leads to is never meant: hosts in one
 * another give their containers the same addresses.
 * @param distances of the namespaces that can be reached from this one, itself among them
 */
function destinationOf(address: string, netns: number, distances: ReadonlyMap<number, number>, book: AddressBook) {
  if (address.startsWith('127.') || address === '::1') return book.byNetns.get(netns)
  const reached = [...(book.holders.get(address) ?? [])].filter(holder => distances.has(holder))
  const distanceOf = (holder: number) => distances.get(holder) ?? Infinity
  const [nearest, second] = reached.sort((a, b) => distanceOf(a) - distanceOf(b))
  if (nearest === undefined || (second !== undefined && distanceOf(second) === distanceOf(nearest))) return undefined
  return book.byNetns.get(nearest)
}

/** The number of steps from a namespace to each that can be reached from it. */
function distancesFrom(netns: number, { adjacent }: AddressBook): Map<number, number> {
  const distances = new Map([[netns, 0]])
  // A map is walked over what is added on the way, too.
  for (const [place, distance] of distances) {
    for (const next of adjacent.get(place) ?? []) if (!distances.has(next)) distances.set(next, distance + 1)
  }
  return distances
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
