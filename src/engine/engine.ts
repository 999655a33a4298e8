/**
 * The one shape of a container engine. A member is one file, listed in engines.ts, and passes the compliance suite in
 * test/engine against the real engine.
 */
import type { NamedContainer } from '../target/match.ts'

/** A running or paused container, as an engine lists it. */
export interface Container extends NamedContainer {
  readonly image: string
  readonly state: 'running' | 'paused'
  /** When it was created, seconds since 1970. */
  readonly created: number
  /** IPv4 and IPv6 addresses the engine knows of. */
  readonly addresses: readonly string[]
}

/** Order of lists: the newest first, then by name. */
export function newestFirst(a: Container, b: Container): number {
  return b.created - a.created || (a.name < b.name ? -1 : 1)
}

/** What only a closer look at one container tells. */
export interface ContainerProcess {
  /** First process of the container, in the engine's PID namespace. */
  readonly pid: number
  /** Distinguishes one life of the container from the next. */
  readonly incarnation: string
}

export interface Engine {
  /** Name of the engine, also the scheme of its references. */
  readonly name: 'docker' | 'podman'
  /** Where it answers, for messages. */
  readonly address: string
  /**
   * Running and paused containers, newest first.
   * @throws RemoraError FORBIDDEN or PEER_FAILED
   */
  containers(signal: AbortSignal): Promise<Container[]>
  /**
   * The process of one container.
   * @returns undefined when the container is not running (any more)
   * @throws RemoraError FORBIDDEN or PEER_FAILED
   */
  process(id: string, signal: AbortSignal): Promise<ContainerProcess | undefined>
}

/** What an engine said, or why it said nothing. */
export interface EngineAnswer {
  readonly engine: Engine
  readonly containers: readonly Container[]
  readonly failure?: Error
}
