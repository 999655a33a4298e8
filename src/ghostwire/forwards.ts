/**
 * The `forwarded-ports` of a namespace: where a packet for an address and a port is sent instead, in which namespace that
 * is, and who listens there.
 */
import { familyNumber } from './family.ts'
import { nifId } from './ids.ts'
import { ownersJson } from './interfaces.ts'
import { compareText } from './order.ts'
import type { OwnerLookup } from './owners.ts'
import type { Located } from './relations.ts'
import type { Forward, Link, NamespaceSnapshot, Snapshot, Socket } from './snapshot.ts'
import { linksWith } from './sockets.ts'

/** What stands for every address of a family. */
const unspecified: Readonly<Record<Forward['family'], string>> = { ipv4: '0.0.0.0', ipv6: '::' }

/** Who has an address: asked once for all namespaces. */
export interface AddressBook {
  readonly holders: ReadonlyMap<string, ReadonlySet<number>>
  readonly lowers: ReadonlyMap<Link, Located>
  readonly byNetns: ReadonlyMap<number, NamespaceSnapshot>
}

/** Notes which namespaces have which address; those of loopbacks are everywhere. */
export function addressBook(namespaces: readonly NamespaceSnapshot[], lowers: AddressBook['lowers']): AddressBook {
  const holders = new Map<string, Set<number>>()
  for (const { netns, links } of namespaces) {
    for (const { address } of links.filter(({ loopback }) => !loopback).flatMap(({ addresses }) => addresses)) {
      holders.set(address, (holders.get(address) ?? new Set()).add(netns))
    }
  }
  return { holders, lowers, byNetns: new Map(namespaces.map(namespace => [namespace.netns, namespace])) }
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
  const family = (wanted: Forward['family']) =>
    sorted
      .filter(forward => forward.family === wanted)
      .map(forward => forwardJson(forward, namespace, book, facts, idOfProcess))
  return { ipv4: family('ipv4'), ipv6: family('ipv6') }
}

function forwardJson(
  forward: Forward,
  namespace: NamespaceSnapshot,
  book: AddressBook,
  { processes, services }: Pick<Snapshot, 'processes' | 'services'>,
  idOfProcess: OwnerLookup,
) {
  const { protocol, address, port, toAddress, toPort } = forward
  const destination = destinationOf(toAddress, namespace, book)
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

/** The namespace that has an address: this one, else a neighbour, else the only one there is. */
function destinationOf(address: string, { netns, links }: NamespaceSnapshot, book: AddressBook) {
  const holders = book.holders.get(address) ?? new Set<number>()
  if (holders.has(netns) || address.startsWith('127.') || address === '::1') return book.byNetns.get(netns)
  const neighbours = new Set(links.flatMap(link => book.lowers.get(link)?.netns ?? []))
  const near = [...holders].filter(holder => neighbours.has(holder))
  const [only, ...more] = near.length > 0 ? near : [...holders]
  return only === undefined || more.length > 0 ? undefined : book.byNetns.get(only)
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
