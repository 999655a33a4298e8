/**
 * What can be captured: a network stack and the names it goes by. The JSON form keeps the field names of the Packetflix
 * target (Ghostwire's `/mobyshark`) and adds remora's own.
 */

/** `docker`, `podman`: a container, by its engine; `host`: this machine; `proc`: a process; `bindmount`: a namespace without one. */
export type TargetType = 'docker' | 'podman' | 'host' | 'proc' | 'bindmount'

export interface Target {
  /** Canonical target reference that finds it again. */
  readonly reference: string
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
  /** Names of the interfaces that are not down, in the order of their indexes. */
  readonly interfaces: readonly string[]
  /** IPv4 and IPv6 addresses, without prefix lengths, loopback and link-local left out. */
  readonly addresses: readonly string[]
  readonly container?: ContainerFacts
}

/** What an engine says about a container. */
export interface ContainerFacts {
  readonly engine: string
  readonly id: string
  readonly image: string
  readonly state: 'running' | 'paused'
  readonly labels: Readonly<Record<string, string>>
}

/** The JSON form of a target, with the field names that clients of Packetflix know. */
export function targetJson(target: Target): Record<string, unknown> {
  return {
    name: target.name,
    type: target.type,
    netns: target.netns,
    'network-interfaces': target.interfaces,
    pid: target.pid,
    starttime: target.startTime,
    prefix: target.prefix,
    reference: target.reference,
    addresses: target.addresses,
    ...target.container,
  }
}
