/** What the topology document is made from: all that was read of the host, as plain data and in any order. */
import type { Target } from '../target/model.ts'
import type { HostFacts } from './metadata.ts'

/** A host, as it was looked at. */
export interface Snapshot {
  readonly host: HostFacts
  readonly namespaces: readonly NamespaceSnapshot[]
  /** Facts of the processes that are named: tenants, and owners of sockets and of TAP interfaces. */
  readonly processes: ReadonlyMap<number, ProcessFacts>
  /** What the numbers of namespaces mean, where that had to be asked for. */
  readonly ids: NamespaceIds
  readonly pidNamespaces: readonly PidNamespace[]
  /** Names of services by port and protocol, `80/tcp`. */
  readonly services: ReadonlyMap<string, string>
}

/** Namespaces by the number (netnsid) they have in another one: netns → nsid → netns. */
export type NamespaceIds = ReadonlyMap<number, ReadonlyMap<number, number>>

/** One network namespace, and everything in it. */
export interface NamespaceSnapshot {
  /** Inode. */
  readonly netns: number
  /** Who lives in it; for a mounted one without processes, the mount. */
  readonly targets: readonly Target[]
  readonly links: readonly Link[]
  readonly routes: readonly Route[]
  readonly sockets: readonly Socket[]
  readonly forwards: readonly Forward[]
}

/** Version of the internet protocol. */
export type Family = 'ipv4' | 'ipv6'

/** An interface, as `ip -details address` tells of it. */
export interface Link {
  readonly index: number
  readonly name: string
  /** The kind of rtnetlink, empty for physical ones and the loopback. */
  readonly kind: string
  readonly alias: string
  readonly operstate: string
  readonly loopback: boolean
  readonly promiscuous: boolean
  readonly mac: string
  /** The bridge or bond it belongs to, by name. */
  readonly master: string
  /** What it is stacked on, or its peer. */
  readonly lower: Lower | undefined
  readonly details: LinkDetails
  readonly addresses: readonly Address[]
  readonly driver?: Driver
  readonly labels?: Readonly<Record<string, string>>
}

/** Another interface: by name in the same namespace, by index in the one that has a number (netnsid) in this one. */
export type Lower = { readonly name: string } | { readonly index: number; readonly nsid: number }

/** Some of the attributes of a kind, where they apply. */
export interface LinkDetails {
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

/** An address of an interface. */
export interface Address {
  readonly family: Family
  readonly address: string
  /** Length of the prefix, bits. */
  readonly prefix: number
  /** Seconds of its preferred and valid lifetime; 4294967295 for ever. */
  readonly preferred: number
  readonly valid: number
  /** RT_SCOPE_* of rtnetlink(7). */
  readonly scope: number
}

/** A route to one next hop (ip-route(8)). */
export interface Route {
  readonly family: Family
  readonly type: string
  /** Network address, `0.0.0.0` or `::` for the default. */
  readonly destination: string
  /** Length of the prefix, bits. */
  readonly prefix: number
  /** Name of the interface; empty for a route that leads nowhere. */
  readonly device: string
  /** Address of the next hop; empty for none. */
  readonly nextHop: string
  /** ICMPV6_ROUTER_PREF_* as two binary digits. */
  readonly preference: string
  readonly metric: number
  readonly table: number
}

/** A TCP or UDP socket (proc_pid_net(5)). */
export interface Socket {
  readonly family: Family
  readonly protocol: 'tcp' | 'udp'
  readonly localAddress: string
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
  /** It is one of IPv6 that takes no IPv4 (IPV6_V6ONLY, ipv6(7)). */
  readonly ipv6Only?: boolean
  /** Number of the state in net/tcp_states.h. */
  readonly state: number
  /** Processes that hold it open. */
  readonly owners: readonly number[]
}

/** A destination that is translated to another one. */
export interface Forward {
  readonly family: Family
  readonly protocol: string
  /** Address it is for; empty for any. */
  readonly address: string
  readonly port: number
  readonly toAddress: string
  readonly toPort: number
}

/** A process that is named. */
export interface ProcessFacts {
  readonly pid: number
  readonly command: string
  readonly args: readonly string[]
  /** Inodes of its network and PID namespaces; 0 when unknown. */
  readonly netns: number
  readonly pidns: number
  /** Container it runs in, by its control group; empty for none. */
  readonly container: string
  /** Bounding set of capabilities, hexadecimal digits; empty when unknown. */
  readonly capabilities: string
  /** Ranges of CPUs it may run on, both ends included. */
  readonly affinity: readonly (readonly [from: number, to: number])[]
  /** SCHED_* of sched(7). */
  readonly policy: number
  /** Priority of a real-time policy. */
  readonly priority: number
  readonly nice: number
  readonly dns: Dns
  /** TUN and TAP interfaces it serves, by name. */
  readonly taps: readonly string[]
}

/** What a tenant resolves names with. */
export interface Dns {
  readonly utsHostname: string
  readonly etcHostname: string
  readonly domain: string
  readonly nameservers: readonly string[]
  readonly search: readonly string[]
  readonly hosts: readonly { readonly name: string; readonly address: string }[]
}

/** A PID namespace, and where it lies (pid_namespaces(7)). */
export interface PidNamespace {
  readonly inode: number
  /** Inode of the one around it; undefined for the outermost that can be seen. */
  readonly parent: number | undefined
}
