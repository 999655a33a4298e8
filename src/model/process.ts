/** Processes that are named, and the PID namespaces they live in. */

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
  readonly affinity: readonly CpuRange[]
  /** SCHED_* of sched(7). */
  readonly policy: number
  /** Priority of a real-time policy. */
  readonly priority: number
  readonly nice: number
  readonly dns: Dns
  /** TUN and TAP interfaces it serves, by name. */
  readonly taps: readonly string[]
}

/** Numbers of CPUs, both ends included. */
export type CpuRange = readonly [from: number, to: number]

/** What a process resolves names with. */
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
