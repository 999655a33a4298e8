/** Network interfaces, as rtnetlink(7) tells of them. Others are named by their index, which holds within one namespace. */
import type { InterfaceAddress } from './address.ts'

/** An interface, as far as a short listing tells. */
export interface NetworkInterface {
  readonly index: number
  /** Bytes of it that are no UTF-8 are U+FFFD; the index stands behind such a name, so that it is one. */
  readonly name: string
  /** Alternative names (ip-link(8), altname); the kernel takes each for the interface. */
  readonly altNames?: readonly string[]
  /** Administratively up (IFF_UP): a capture on it can start. */
  readonly up: boolean
  /** Operational state (RFC 2863), `UP`, `DOWN`, `UNKNOWN` …. */
  readonly operstate: string
  readonly loopback: boolean
  /** Somebody has set it so; the kernel does the same to ports of bridges and under captures, without telling. */
  readonly promiscuous: boolean
  readonly addresses: readonly InterfaceAddress[]
  /** Hardware address, where it has one that is not all zeros; six bytes for Ethernet. */
  readonly mac?: string
  /** Longest packet it sends, bytes. */
  readonly mtu?: number
  /** `ether`, `loopback`, `none` …: ARPHRD_* as ip(8) calls them. */
  readonly linkType?: string
  /** The other end of a veth pair, or the interface below (IFLA_LINK). */
  readonly lower?: LinkReference
  /** Index of the bridge or bond it is a port of (IFLA_MASTER). */
  readonly master?: number
}

/** Another interface by its index. */
export interface LinkReference {
  readonly index: number
  /** The namespace that index is one of, by its number in this one (IFLA_LINK_NETNSID); undefined: this one. */
  readonly nsid?: number
}

/** An interface with what its kind and its driver tell. */
export interface DetailedInterface extends NetworkInterface {
  /** The kind of rtnetlink, empty for physical ones and the loopback. */
  readonly kind: string
  readonly alias: string
  readonly details: KindDetails
  readonly driver?: Driver
  /** The network of an engine that it carries. */
  readonly network?: EngineNetwork
}

/** Some of the attributes of a kind, where they apply. */
export interface KindDetails {
  /** Mode of a tun device. */
  readonly mode?: 'tap' | 'tun'
  readonly vlan?: { readonly id: number; readonly protocol: number }
  readonly vxlan?: Vxlan
}

/** A VXLAN (RFC 7348), as ip-link(8) tells of it. */
export interface Vxlan {
  /** Network identifier (VNI). */
  readonly id: number
  /** It answers ARP for others. */
  readonly proxy: boolean
  /** Addresses of its ends; empty for none. */
  readonly local: string
  readonly remote: string
  /** UDP port it sends to, and the range it sends from. */
  readonly port: number
  readonly range: { readonly low: number; readonly high: number }
}

/** The driver of a device, as ethtool(8) tells of it. */
export interface Driver {
  readonly name: string
  readonly version: string
  readonly firmware: string
  readonly bus: string
  /** 1 for a physical function, 2 for a virtual one, 0 for neither (SR-IOV). */
  readonly role: 0 | 1 | 2
  /** Bus address of the physical function of a virtual one. */
  readonly parentBus: string
}

/** A network of an engine. */
export interface EngineNetwork {
  readonly name: string
  /** Name of the interface that carries it, in the namespace of the engine: its bridge, or what its interfaces are stacked on. */
  readonly carrier: string
  /** Whether it has a bridge. */
  readonly isBridge: boolean
  readonly isDefault: boolean
  readonly internal: boolean
  readonly labels: Readonly<Record<string, string>>
}

/** Whether an interface is called so, by its own name or an alternative one. */
export function hasName({ name, altNames = [] }: NetworkInterface, wanted: string): boolean {
  return name === wanted || altNames.includes(wanted)
}
