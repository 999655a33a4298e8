/** From an interface in the JSON of `ip -details address` to the one of the snapshot. */
import type { Address, Link, LinkDetails, Lower } from '../../ghostwire/snapshot.ts'

/** The part that is used. */
export interface IpLink {
  readonly ifindex: number
  readonly ifname?: string
  readonly ifalias?: string
  readonly flags?: readonly string[]
  readonly operstate?: string
  readonly address?: string
  readonly master?: string
  /** Name of the interface below, or of the peer, in the same namespace. */
  readonly link?: string | null
  /** Index of that, in another namespace. */
  readonly link_index?: number
  readonly link_netnsid?: number
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

/** RT_SCOPE_* of rtnetlink(7) by the names of /etc/iproute2/rt_scopes. */
const scopes: Readonly<Record<string, number>> = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 }

const noMac = '00:00:00:00:00:00'
const forever = 4_294_967_295

/** Reads the interfaces of a namespace, in the order of their indexes. */
export function toLinks(links: readonly IpLink[]): Link[] {
  const indexes = new Map(links.map(({ ifname, ifindex }) => [ifname, ifindex]))
  return links.map(link => toLink(link, name => indexes.get(name))).sort((a, b) => a.index - b.index)
}

function toLink(link: IpLink, indexOf: (name: string) => number | undefined): Link {
  const kind = link.linkinfo?.info_kind ?? ''
  return {
    index: link.ifindex,
    name: link.ifname ?? '',
    kind: kind === 'tun' ? 'tuntap' : kind,
    alias: link.ifalias ?? '',
    operstate: link.operstate ?? 'UNKNOWN',
    loopback: link.flags?.includes('LOOPBACK') ?? false,
    // The flag that somebody has set; the counter of the kernel has the ports of bridges and captures too.
    promiscuous: link.flags?.includes('PROMISC') ?? false,
    mac: /^[0-9a-f]{2}(?::[0-9a-f]{2})+$/.test(link.address ?? '') ? (link.address ?? noMac) : noMac,
    master: link.master ?? '',
    lower: lowerOf(link, indexOf),
    details: detailsOf(kind, link.linkinfo?.info_data ?? {}),
    addresses: (link.addr_info ?? []).flatMap(toAddress),
  }
}

/** Kinds that always have another interface: the kernel leaves its index out where it equals the own one (rtnetlink.c). */
const stacked = ['veth', 'macvlan', 'macvtap', 'vlan', 'ipvlan', 'ipvtap']

function lowerOf(link: IpLink, indexOf: (name: string) => number | undefined): Lower | undefined {
  const { link_netnsid: nsid, link_index, linkinfo } = link
  const kind = linkinfo?.info_kind ?? ''
  if (kind === 'vxlan') {
    const name = linkinfo?.info_data?.link
    if (name === undefined || nsid === undefined) return name === undefined ? undefined : { name }
    // ip(8) looks the index up in this namespace, though it is one of another.
    const index = indexOf(name) ?? Number(/^if(\d+)$/.exec(name)?.[1] ?? Number.NaN)
    return Number.isNaN(index) ? undefined : { index, nsid }
  }
  if (nsid === undefined) return typeof link.link === 'string' ? { name: link.link } : undefined
  const index = link_index ?? (stacked.includes(kind) ? link.ifindex : undefined)
  return index === undefined ? undefined : { index, nsid }
}

function detailsOf(kind: string, data: IpLinkData): LinkDetails {
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

function toAddress(address: IpAddress): Address[] {
  const { family, local, prefixlen = 0, scope = 'global' } = address
  if (local === undefined || (family !== 'inet' && family !== 'inet6')) return []
  return [
    {
      family: family === 'inet' ? 'ipv4' : 'ipv6',
      address: local,
      prefix: prefixlen,
      preferred: address.preferred_life_time ?? forever,
      valid: address.valid_life_time ?? forever,
      scope: Object.hasOwn(scopes, scope) ? (scopes[scope] ?? 0) : Number(scope) || 0,
    },
  ]
}
