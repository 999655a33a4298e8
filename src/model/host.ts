/** A host's network as it was looked at: everything that was read, as plain data and in any order. */
import type { Forward } from './forward.ts'
import type { DetailedInterface } from './interface.ts'
import type { CpuRange, PidNamespace, ProcessFacts } from './process.ts'
import type { Route } from './route.ts'
import type { Socket } from './socket.ts'
import type { ContainerEngine, Target } from './target.ts'

/** A host, as it was looked at. */
export interface HostSnapshot {
  readonly host: HostFacts
  readonly namespaces: readonly Netstack[]
  /** Facts of the processes that are named: owners of namespaces, of sockets and of TAP interfaces. */
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
export interface Netstack {
  /** Inode. */
  readonly netns: number
  /** Who lives in it; for a mounted one without processes, the mount. */
  readonly targets: readonly Target[]
  readonly interfaces: readonly DetailedInterface[]
  readonly routes: readonly Route[]
  readonly sockets: readonly Socket[]
  readonly forwards: readonly Forward[]
}

/** What is known of the host itself; whatever could not be read is empty. */
export interface HostFacts {
  /** Version of remora. */
  readonly version: string
  /** When the host was looked at. */
  readonly created: Date
  readonly hostname: string
  readonly osName: string
  readonly osVersion: string
  /** The whole text of /proc/version. */
  readonly kernel: string
  /** Ranges of CPUs that are online, both ends included. */
  readonly cpus: readonly CpuRange[]
  readonly engines: readonly EngineFacts[]
}

/** An engine of the host. */
export interface EngineFacts {
  readonly engine: ContainerEngine | 'traces'
  readonly id: string
  readonly version: string
  /** Its process; 0 when unknown. */
  readonly pid: number
  /** Path of its socket. */
  readonly socket: string
}
