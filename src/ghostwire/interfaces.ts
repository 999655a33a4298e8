/** The `network-interfaces` of a namespace: each with its addresses and how it hangs together with others. */
import { familyNumber } from './family.ts'
import { nifId } from './ids.ts'
import { byText } from './order.ts'
import type { Located, Relations } from './relations.ts'
import type { Address, Link, LinkDetails, NamespaceSnapshot, ProcessFacts } from './snapshot.ts'

/** Relations of all interfaces, seen from above and from below. */
export interface Neighbours {
  readonly lowers: ReadonlyMap<Link, Located>
  readonly uppers: ReadonlyMap<Link, readonly Located[]>
  /** Processes that serve a TUN or TAP interface. */
  readonly processors: ReadonlyMap<Link, readonly ProcessFacts[]>
}

/** Turns the relations of all namespaces around too. */
export function neighbours(
  namespaces: readonly Pick<NamespaceSnapshot, 'netns' | 'links'>[],
  { lowers }: Relations,
  processors: Neighbours['processors'],
): Neighbours {
  const all = namespaces.flatMap(({ netns, links }) => links.map(link => ({ netns, link })))
  const pairs = all.flatMap(upper => {
    const lower = lowers.get(upper.link)
    return lower === undefined ? [] : [{ upper, lower }]
  })
  const grouped = Map.groupBy(pairs, ({ lower }) => lower.link)
  const uppers = [...grouped].map(([link, group]) => [link, group.map(({ upper }) => upper).sort(byPlace)] as const)
  return { lowers, uppers: new Map(uppers), processors }
}

/** The interfaces of a namespace, in the order of their indexes. */
export function interfacesJson(
  { netns, links }: Pick<NamespaceSnapshot, 'netns' | 'links'>,
  all: Neighbours,
  idOfProcess: (pid: number) => string | undefined,
) {
  return [...links]
    .sort((a, b) => a.index - b.index)
    .map(link => interfaceJson({ netns, link }, links, all, idOfProcess))
}

function interfaceJson(
  { netns, link }: Located,
  own: readonly Link[],
  all: Neighbours,
  idOfProcess: (pid: number) => string | undefined,
) {
  const here = (links: readonly Link[]) => links.map(other => ({ netns, link: other }))
  const master = link.kind === 'vlan' ? all.lowers.get(link) : here(own.filter(({ name }) => name === link.master))[0]
  const uppers = all.uppers.get(link) ?? []
  const slaves = [...here(own.filter(other => other.master === link.name)), ...ofKind(uppers, ['vlan', 'vxlan'])].sort(
    byPlace,
  )
  const macvlans = ofKind(uppers, macvlanKinds)
  const lower = all.lowers.get(link)
  const parent = own.find(({ driver }) => driver?.role === 1 && driver.bus === link.driver?.parentBus)
  return {
    id: nifId(netns, link.index),
    name: link.name,
    index: link.index,
    kind: link.kind,
    ...(link.alias !== '' && { alias: link.alias }),
    operstate: link.operstate,
    physical: link.kind === '' && !link.loopback,
    promisc: link.promiscuous,
    driverinfo: driverJson(link),
    ...(link.labels && { labels: Object.fromEntries(Object.entries(link.labels).sort(byText(([key]) => key))) }),
    addresses: {
      mac: link.mac,
      ipv4: addressesJson(link, 'ipv4'),
      ipv6: addressesJson(link, 'ipv6'),
    },
    ...(master && { master: reference(master) }),
    ...(slaves.length > 0 && { slaves: slaves.map(reference) }),
    ...(lower && macvlanKinds.includes(link.kind) && { macvlan: reference(lower) }),
    ...(macvlans.length > 0 && { macvlans: macvlans.map(reference) }),
    ...(lower && link.kind === 'veth' && { peer: peerJson(lower) }),
    ...(parent && { pf: reference({ netns, link: parent }) }),
    ...(link.details.mode && {
      tuntap: { mode: link.details.mode, processors: ownersJson(all.processors.get(link) ?? [], idOfProcess) },
    }),
    ...(link.details.vxlan && { vxlan: vxlanJson(link.details.vxlan, lower) }),
    ...(link.details.vlan && { vlan: { vid: link.details.vlan.id, 'vlan-protocol': link.details.vlan.protocol } }),
    ...(link.driver && link.driver.role > 0 && { 'sr-iov-role': link.driver.role }),
  }
}

const macvlanKinds = ['macvlan', 'macvtap']

function ofKind(places: readonly Located[], kinds: readonly string[]): Located[] {
  return places.filter(({ link }) => kinds.includes(link.kind))
}

function byPlace(a: Located, b: Located): number {
  return a.netns - b.netns || a.link.index - b.link.index
}

function reference({ netns, link }: Located) {
  return { idref: nifId(netns, link.index), index: link.index, name: link.name }
}

function peerJson({ netns, link }: Located) {
  return { 'peer-idref': nifId(netns, link.index), 'peer-index': link.index, 'peer-name': link.name }
}

/** Drivers of interfaces without a device, as the kernel's modules call themselves to ethtool(8). */
const virtualDrivers: Readonly<Record<string, string>> = {
  veth: 'veth',
  bridge: 'bridge',
  macvlan: 'macvlan',
  macvtap: 'macvlan',
  vxlan: 'vxlan',
  tuntap: 'tun',
  dummy: 'dummy',
}

function driverJson({ driver, kind }: Link): {
  driver: string
  version?: string
  fwversion?: string
  businfo?: string
} {
  if (driver === undefined) return { driver: virtualDrivers[kind] ?? '' }
  const { name, version, firmware, bus } = driver
  return {
    driver: name,
    ...(version !== '' && { version }),
    ...(firmware !== '' && { fwversion: firmware }),
    ...(bus !== '' && { businfo: bus }),
  }
}

function vxlanJson(vxlan: NonNullable<LinkDetails['vxlan']>, underlay: Located | undefined) {
  const { id, proxy, local, remote, port, range } = vxlan
  return {
    ...(underlay && { idref: nifId(underlay.netns, underlay.link.index) }),
    vid: id,
    'arp-proxy': proxy,
    ...(local !== '' && { source: { [local.includes(':') ? 'source_ipv6' : 'source_ipv4']: local } }),
    'source-portrange': range,
    ...(remote !== '' && { remote: { [remote.includes(':') ? 'remote_ipv6' : 'remote_ipv4']: remote } }),
    'remote-port': port,
  }
}

/** Processes that own something, in the order of their numbers. */
export function ownersJson(processes: readonly ProcessFacts[], idOfProcess: (pid: number) => string | undefined) {
  return [...processes]
    .sort((a, b) => a.pid - b.pid)
    .map(({ pid, args, command }) => {
      const container = idOfProcess(pid)
      return {
        pid,
        cmdline: args.length > 0 ? args.join(' ') : command,
        ...(container !== undefined && { 'container-idref': container }),
      }
    })
}

function addressesJson({ addresses, index }: Link, family: Address['family']) {
  return addresses
    .filter(address => address.family === family)
    .sort(byText(({ address, prefix }) => `${address}/${prefix}`))
    .map(({ address, prefix, preferred, valid, scope }) => ({
      family: familyNumber(family),
      address,
      prefixlen: prefix,
      'preferred-lifetime': preferred,
      'valid-lifetime': valid,
      scope,
      index,
    }))
}
