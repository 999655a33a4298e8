/** From interfaces in the JSON of ip(8), `ip address` with or without `-details`, to those of the model. */
import { type InterfaceAddress, scopes } from '../../model/address.ts'
import type { DetailedInterface, KindDetails, LinkReference, NetworkInterface } from '../../model/interface.ts'

/** The part that is used. */
export interface IpLink {
  readonly ifindex?: number
  readonly ifname?: string
  readonly altnames?: readonly string[]
  readonly ifalias?: string
  readonly flags?: readonly string[]
  readonly operstate?: string
  readonly address?: string
  readonly mtu?: number
  readonly master?: string
  /** Name of the interface below, or of the peer, in the same namespace; null for none. */
  readonly link?: string | null
  /** Index of that, in another namespace. */
  readonly link_index?: number
  readonly link_netnsid?: number
  readonly link_type?: string
  /** Told only in detail. */
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: IpLinkData }
  readonly addr_info?: readonly IpAddress[]
}

interface IpLinkData {
  readonly type?: string
  readonly id?: number
  readonly protocol?: string
  readonly link?: string
  readonly local?: string
  readonly local6?: string
  readonly remote?: string
  readonly remote6?: string
  readonly group?: string
  readonly group6?: string
  readonly proxy?: boolean
  readonly port?: number
  readonly port_range?: { readonly low?: number; readonly high?: number }
}

interface IpAddress {
  readonly family?: string
  readonly local?: string
  readonly prefixlen?: number
  readonly scope?: string
  readonly valid_life_time?: number
  readonly preferred_life_time?: number
}

/** Index of an interface by the name ip(8) gives it. */
type IndexOf = (name: string | null | undefined) => number | undefined

const forever = 4_294_967_295

/** Reads the interfaces of a namespace, in the order of their indexes. */
export function toInterfaces(links: readonly IpLink[]): NetworkInterface[] {
  const indexOf = indexIn(links)
  return links.map(link => toInterface(link, indexOf)).sort((a, b) => a.index - b.index)
}

/** Reads the interfaces of a namespace that were listed in detail, in the order of their indexes. */
export function toDetailedInterfaces(links: readonly IpLink[]): DetailedInterface[] {
  const indexOf = indexIn(links)
  return links
    .map(link => {
      const { info_kind: kind = '', info_data: data = {} } = link.linkinfo ?? {}
      return {
        ...toInterface(link, indexOf),
        kind: kind === 'tun' ? 'tuntap' : kind,
        alias: link.ifalias ?? '',
        details: detailsOf(kind, data),
      }
    })
    .sort((a, b) => a.index - b.index)
}

function indexIn(links: readonly IpLink[]): IndexOf {
  const indexes = new Map(links.map(({ ifname, ifindex }) => [ifname, ifindex]))
  return name => indexes.get(name ?? '')
}

function toInterface(link: IpLink, indexOf: IndexOf): NetworkInterface {
  const { ifindex = 0, altnames, flags = [], address = '', mtu, link_type: linkType } = link
  const [lower, master] = [lowerOf(link, indexOf), indexOf(link.master)]
  return {
    index: ifindex,
    name: nameOf(link),
    ...(altnames !== undefined && { altNames: altnames }),
    up: flags.includes('UP'),
    operstate: link.operstate ?? 'UNKNOWN',
    loopback: flags.includes('LOOPBACK'),
    promiscuous: flags.includes('PROMISC'),
    addresses: (link.addr_info ?? []).flatMap(toAddress),
    ...(/^(?!00(?::00)+$)[0-9a-f]{2}(?::[0-9a-f]{2})+$/.test(address) && { mac: address }),
    ...(mtu !== undefined && { mtu }),
    ...(linkType !== undefined && { linkType }),
    ...(lower !== undefined && { lower }),
    ...(master !== undefined && { master }),
  }
}

function nameOf({ ifname = '', ifindex = 0 }: IpLink): string {
  return ifname.includes('\uFFFD') ? `${ifname}#${ifindex}` : ifname
}

/** Kinds that always have another interface: the kernel leaves its index out where it equals the own one (nla_put_iflink). */
const stacked = ['veth', 'macvlan', 'macvtap', 'vlan', 'ipvlan', 'ipvtap']

function lowerOf({ ifindex, link, link_index, link_netnsid: nsid, linkinfo }: IpLink, indexOf: IndexOf) {
  const { info_kind: kind, info_data: data } = linkinfo ?? {}
  if (kind === 'vxlan') return underlayOf(data?.link, nsid, indexOf)
  if (nsid === undefined) return referenceTo(link_index ?? indexOf(link))
  const isOwnIndex = link === undefined && (kind === undefined || stacked.includes(kind))
  return referenceTo(link_index ?? (isOwnIndex ? ifindex : undefined), nsid)
}

/** The interface under a vxlan. One in another namespace is looked up in this one by ip(8), index for index. */
function underlayOf(name: string | undefined, nsid: number | undefined, indexOf: IndexOf) {
  const index = indexOf(name)
  if (nsid === undefined) return referenceTo(index)
  const [, number] = /^if(\d+)$/.exec(name ?? '') ?? []
  return referenceTo(index ?? (number === undefined ? undefined : Number(number)), nsid)
}

function referenceTo(index: number | undefined, nsid?: number): LinkReference | undefined {
  return index === undefined ? undefined : { index, ...(nsid !== undefined && { nsid }) }
}

function detailsOf(kind: string, data: IpLinkData): KindDetails {
  if (kind === 'tun') return { mode: data.type === 'tun' ? 'tun' : 'tap' }
  if (kind === 'vlan') return { vlan: { id: data.id ?? 0, protocol: data.protocol === '802.1ad' ? 0x88a8 : 0x8100 } }
  if (kind !== 'vxlan') return {}
  return {
    vxlan: {
      id: data.id ?? 0,
      proxy: data.proxy ?? false,
      local: data.local ?? data.local6 ?? '',
      remote: data.remote ?? data.remote6 ?? data.group ?? data.group6 ?? '',
      port: data.port ?? 0,
      range: { low: data.port_range?.low ?? 0, high: data.port_range?.high ?? 0 },
    },
  }
}

function toAddress(address: IpAddress): InterfaceAddress[] {
  const { family, local, prefixlen = 0, scope = 'global' } = address
  if (local === undefined || (family !== 'inet' && family !== 'inet6')) return []
  return [
    {
      family: family === 'inet' ? 'ipv4' : 'ipv6',
      address: local,
      prefix: prefixlen,
      preferred: address.preferred_life_time ?? forever,
      valid: address.valid_life_time ?? forever,
      scope: scopeNumber(scope),
    },
  ]
}

function scopeNumber(scope: string): number {
  return Object.hasOwn(scopes, scope) ? scopes[scope as keyof typeof scopes] : Number(scope) || 0
}
