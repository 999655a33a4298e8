/** Who has an address: hosts in one another give their containers the same ones. */
import { familyOf, isLoopbackAddress, isUnspecified, unmapped } from '../base/ip.ts'
import type { Netstack } from './host.ts'
import type { DetailedInterface } from './interface.ts'
import type { Relations } from './relations.ts'

/** Who has an address: asked once for all namespaces. */
export interface AddressBook {
  readonly holders: ReadonlyMap<string, ReadonlySet<number>>
  /** Namespaces that an interface leads to from another one, and back. */
  readonly adjacent: ReadonlyMap<number, ReadonlySet<number>>
  readonly byNetns: ReadonlyMap<number, Netstack>
}

/** Notes which namespaces have which address, those of loopbacks are everywhere, and which lie next to each other. */
export function addressBook(namespaces: readonly Netstack[], lowers: Relations['lowers']): AddressBook {
  const holders = new Map<string, Set<number>>()
  for (const { netns, interfaces } of namespaces) {
    for (const { address } of interfaces.filter(({ loopback }) => !loopback).flatMap(({ addresses }) => addresses)) {
      holders.set(address, (holders.get(address) ?? new Set()).add(netns))
    }
  }
  const adjacent = new Map<number, Set<number>>()
  const connect = (from: number, to: number) => adjacent.set(from, (adjacent.get(from) ?? new Set()).add(to))
  for (const { netns, interfaces } of namespaces) {
    for (const other of new Set(interfaces.flatMap(nif => lowers.get(nif)?.netns ?? []))) {
      connect(netns, other)
      connect(other, netns)
    }
  }
  return { holders, adjacent, byNetns: new Map(namespaces.map(namespace => [namespace.netns, namespace])) }
}

/**
 * The namespace that has an address: the nearest that interfaces lead to. One that nothing leads to is never meant: hosts in one
 * another give their containers the same addresses.
 * @param distances of the namespaces that can be reached from this one, itself among them
 */
export function holderOf(
  address: string,
  netns: number,
  distances: ReadonlyMap<number, number>,
  book: AddressBook,
): Netstack | undefined {
  if (isLoopbackAddress(address)) return book.byNetns.get(netns)
  const reached = [...(book.holders.get(address) ?? [])].filter(holder => distances.has(holder))
  const distanceOf = (holder: number) => distances.get(holder) ?? Infinity
  const [nearest, second] = reached.sort((a, b) => distanceOf(a) - distanceOf(b))
  if (nearest === undefined || (second !== undefined && distanceOf(second) === distanceOf(nearest))) return undefined
  return book.byNetns.get(nearest)
}

/** The number of steps from a namespace to each that can be reached from it. */
export function distancesFrom(netns: number, { adjacent }: AddressBook): Map<number, number> {
  const distances = new Map([[netns, 0]])
  // A map is walked over what is added on the way, too.
  for (const [place, distance] of distances) {
    for (const next of adjacent.get(place) ?? []) if (!distances.has(next)) distances.set(next, distance + 1)
  }
  return distances
}

/** Interfaces with an address, in the order of their indexes; all of them for the unspecified one, and for none. */
export function interfacesWith(interfaces: readonly DetailedInterface[], address: string): DetailedInterface[] {
  const plain = unmapped(address) ?? address
  const loopback = familyOf(plain) === 'ipv4' && isLoopbackAddress(plain)
  return interfaces
    .filter(
      nif =>
        plain === '' ||
        isUnspecified(plain) ||
        (loopback && nif.loopback) ||
        nif.addresses.some(other => other.address === plain),
    )
    .sort((a, b) => a.index - b.index)
}
