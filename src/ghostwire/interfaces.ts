/** The `network-interfaces` of a namespace: each with its addresses and how it hangs together with others. */
import { type Family, familyOf } from '../base/ip.ts'
import type { Netstack } from '../model/host.ts'
import type { DetailedInterface, EngineNetwork, Vxlan } from '../model/interface.ts'
import type { ProcessFacts } from '../model/process.ts'
import { byPlace, type Located, physicalFunctionOf, portsOf, type Relations } from '../model/relations.ts'
import { familyNumber } from './family.ts'
import { nifId } from './ids.ts'
import { byText } from './order.ts'

/** What the interfaces of all namespaces have to do with each other, and with processes. */
export interface Neighbours extends Relations {
  /** Processes that serve a TUN or TAP interface. */
  readonly servers: ReadonlyMap<DetailedInterface, readonly ProcessFacts[]>
}

/** The interfaces of a namespace, in the order of their indexes. */
export function interfacesJson(
  { netns, interfaces }: Pick<Netstack, 'netns' | 'interfaces'>,
  all: Neighbours,
  idOfProcess: (pid: number) => string | undefined,
) {
  return [...interfaces]
    .sort((a, b) => a.index - b.index)
    .map(nif => interfaceJson({ netns, nif }, interfaces, all, idOfProcess))
}

function interfaceJson(
  { netns, nif }: Located,
  own: readonly DetailedInterface[],
  all: Neighbours,
  idOfProcess: (pid: number) => string | undefined,
) {
  const { network } = nif
  const alias = network?.name ?? nif.alias
  return {
    id: nifId(netns, nif.index),
    name: nif.name,
    index: nif.index,
    kind: nif.kind,
    ...(alias !== '' && { alias }),
    operstate: nif.operstate,
    physical: nif.kind === '' && !nif.loopback,
    promisc: nif.promiscuous,
    driverinfo: driverJson(nif),
    ...(network && { labels: labelsJson(network) }),
    addresses: {
      mac: nif.mac ?? noMac,
      ipv4: addressesJson(nif, 'ipv4'),
      ipv6: addressesJson(nif, 'ipv6'),
    },
    ...linksJson({ netns, nif }, own, all),
    ...kindJson(nif, all, idOfProcess),
  }
}

/** Which interfaces it is stacked on, paired with, or part of. */
function linksJson({ netns, nif }: Located, own: readonly DetailedInterface[], all: Neighbours) {
  const here = (interfaces: readonly DetailedInterface[]) => interfaces.map(other => ({ netns, nif: other }))
  const lower = all.lowers.get(nif)
  const uppers = all.uppers.get(nif) ?? []
  const master = nif.kind === 'vlan' ? lower : here(own.filter(({ index }) => index === nif.master))[0]
  const slaves = [...here(portsOf(nif, own)), ...ofKind(uppers, ['vlan', 'vxlan'])].sort(byPlace)
  const macvlans = ofKind(uppers, macvlanKinds)
  const parent = physicalFunctionOf(nif, own)
  return {
    ...(master && { master: reference(master) }),
    ...(slaves.length > 0 && { slaves: slaves.map(reference) }),
    ...(lower && macvlanKinds.includes(nif.kind) && { macvlan: reference(lower) }),
    ...(macvlans.length > 0 && { macvlans: macvlans.map(reference) }),
    ...(lower && nif.kind === 'veth' && { peer: peerJson(lower) }),
    ...(parent && { pf: reference({ netns, nif: parent }) }),
  }
}

/** What only interfaces of its kind have. */
function kindJson(
  nif: DetailedInterface,
  { lowers, servers }: Neighbours,
  idOfProcess: (pid: number) => string | undefined,
) {
  const { mode, vxlan, vlan } = nif.details
  return {
    ...(mode && { tuntap: { mode, processors: ownersJson(servers.get(nif) ?? [], idOfProcess) } }),
    ...(vxlan && { vxlan: vxlanJson(vxlan, lowers.get(nif)) }),
    ...(vlan && { vlan: { vid: vlan.id, 'vlan-protocol': vlan.protocol } }),
    ...(nif.driver && nif.driver.role > 0 && { 'sr-iov-role': nif.driver.role }),
  }
}

const macvlanKinds = ['macvlan', 'macvtap']

/** What the document has for an interface without a hardware address. */
const noMac = '00:00:00:00:00:00'

function labelsJson({ name, isBridge, isDefault, internal, labels }: EngineNetwork): Record<string, string> {
  const all = {
    ...labels,
    'gostwire/network/name': name,
    ...(isDefault && { 'gostwire/network/default-bridge': 'true' }),
    ...(isBridge && internal && { 'gostwire/bridge/internal': 'true' }),
  }
  return Object.fromEntries(Object.entries(all).sort(byText(([key]) => key)))
}

function ofKind(places: readonly Located[], kinds: readonly string[]): Located[] {
  return places.filter(({ nif }) => kinds.includes(nif.kind))
}

function reference({ netns, nif }: Located) {
  return { idref: nifId(netns, nif.index), index: nif.index, name: nif.name }
}

function peerJson({ netns, nif }: Located) {
  return { 'peer-idref': nifId(netns, nif.index), 'peer-index': nif.index, 'peer-name': nif.name }
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

function driverJson({ driver, kind }: DetailedInterface): {
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

function vxlanJson(vxlan: Vxlan, underlay: Located | undefined) {
  const { id, proxy, local, remote, port, range } = vxlan
  return {
    ...(underlay && { idref: nifId(underlay.netns, underlay.nif.index) }),
    vid: id,
    'arp-proxy': proxy,
    ...(local !== '' && { source: { [`source_${familyOf(local)}`]: local } }),
    'source-portrange': range,
    ...(remote !== '' && { remote: { [`remote_${familyOf(remote)}`]: remote } }),
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

function addressesJson({ addresses, index }: DetailedInterface, family: Family) {
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
