/**
 * What can be captured: a network stack and the names it goes by.
 */

/** Engines that are asked. Each has a member of the list in engine/engines, and a scheme of references. */
export const askedEngines = ['docker', 'podman', 'containerd', 'cri', 'lxd', 'incus'] as const

/** An engine that is asked. */
export type AskedEngine = (typeof askedEngines)[number]

/** Engines whose containers have names: those that are asked, and others that are known by the traces they leave. */
export const containerEngines = [...askedEngines, 'lxc', 'nspawn'] as const

/** An engine that runs containers. */
export type ContainerEngine = (typeof containerEngines)[number]

/** The other kinds: this machine, a process with a network namespace of its own, and a namespace without any process. */
export const otherTypes = ['pod', 'host', 'proc', 'bindmount'] as const

/** What a target is: a container, by its engine, or something else. */
export type TargetType = ContainerEngine | (typeof otherTypes)[number]

/** Something that can be captured. */
export interface Target {
  /** Canonical target reference that finds it again. */
  readonly reference: string
  /** What its owner calls it: of a pod with its namespace, of a process with its number, of a mount the path. */
  readonly name: string
  readonly type: TargetType
  /** Path of enclosing containers when the engine runs inside one, else empty. */
  readonly prefix: string
  /** Inode of the network namespace (nsfs); 0 when it could not be read. */
  readonly netns: number
  /** Process in the initial PID namespace; 0 when there is none. */
  readonly pid: number
  /** Start time of the process in clock ticks since boot (proc_pid_stat(5), field 22); 0 when there is none. */
  readonly startTime: number
  /** Where the namespace can be opened, when neither a process nor the reference tells. */
  readonly path?: string
  /** Names of the interfaces that are not down, in the order of their indexes. */
  readonly interfaces: readonly string[]
  /** IPv4 and IPv6 addresses, without prefix lengths, loopback and link-local left out. */
  readonly addresses: readonly string[]
  /** The container, where the target is a single one. */
  readonly container?: ContainerFacts
  /** The containers of a pod, its sandbox last. */
  readonly members?: readonly PodMember[]
  /** References of other targets in the same network namespace. */
  readonly shares?: readonly string[]
  /** Key by which a service tells its targets apart; undefined for a target of this host: targetKey makes it. */
  readonly key?: string
}

/** States of a container that has a network: one that was only created, or has ended, has none. */
export const containerStates = ['running', 'paused'] as const
/** One of {@link containerStates}. */
export type ContainerState = (typeof containerStates)[number]

/** What an engine says about a container. */
export interface ContainerFacts {
  readonly engine: ContainerEngine
  readonly id: string
  readonly image: string
  readonly state: ContainerState
  readonly labels: Readonly<Record<string, string>>
  /** Annotations, where the engine's list tells them. */
  readonly annotations?: Readonly<Record<string, string>>
  /** Socket the engine answered on; empty when none did. */
  readonly socket: string
  /** When its present life began, ISO 8601; only a closer look tells. */
  readonly startedAt?: string
  /** How often its engine has started it anew by itself; only a closer look tells, and not with every engine. */
  readonly restarts?: number
}

/** A container of a pod. */
export interface PodMember extends ContainerFacts {
  readonly reference: string
  readonly name: string
  /** Process in the initial PID namespace; 0 when unknown. */
  readonly pid: number
  /** It only holds the namespaces of the pod. */
  readonly sandbox: boolean
}
