/**
 * The one shape of a container engine. A member is one file, listed in engines.ts, and passes the compliance suite in
 * test/engine against the real engine.
 */

import type { EngineNetwork } from '../model/interface.ts'
import type { ContainerEngine, ContainerState } from '../model/target.ts'
import type { NamedContainer } from '../reference/grammar/containers.ts'
import type { Authority } from './authority.ts'

/** A running or paused container, as an engine lists it. */
export interface Container extends NamedContainer {
  /** Socket of the engine; empty when none told of it. */
  readonly socket: string
  readonly image: string
  readonly state: ContainerState
  /** When it was created, seconds since 1970. */
  readonly created: number
  /** IPv4 and IPv6 addresses the engine knows of. */
  readonly addresses: readonly string[]
  /** The pod it belongs to. */
  readonly pod?: Pod
  /** Id of the container whose network it shares, where the list tells. */
  readonly networkOf?: string
  /** Its process, where the list tells it; else {@link Engine.process} does. */
  readonly process?: ContainerProcess
  /** Who runs it, where that was found without its engine. */
  readonly authority?: Authority
}

/** A group of containers that the engine itself keeps together, in one network namespace. */
export interface Pod {
  /** `namespace/name` in Kubernetes, a plain name in Podman. */
  readonly name: string
  readonly id: string
  /** This container only holds the namespaces of the pod: nobody started it by name. */
  readonly sandbox: boolean
}

/** Whether an id was made at random, and so is that of one container only, whichever engine tells of it. */
export function isRandomId(id: string): boolean {
  return /^[0-9a-f]{64}$/.test(id)
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
  /** When this life began, ISO 8601 in whole seconds, where the engine tells. */
  readonly startedAt?: string
  /** How often the engine has started it anew by itself, where it tells. */
  readonly restarts?: number
}

/** What a container is configured with, as a closer look tells. */
export interface Configuration {
  /** `KEY=VALUE` each. There are secrets among them: they are compared and never shown. */
  readonly environment: readonly string[]
  readonly annotations: Readonly<Record<string, string>>
}

/** Seconds since 1970 up to which a Date counts. */
const latest = 8.64e12

/**
 * A point in time as text; undefined for none, as engines that do not know one tell 0, or the year 1.
 * @param seconds since 1970
 */
export function startText(seconds: number): string | undefined {
  return seconds > 0 && seconds <= latest
    ? `${new Date(Math.floor(seconds) * 1000).toISOString().slice(0, 19)}Z`
    : undefined
}

/** Something happened to a container: a reason to look again, not itself the state. */
export interface EngineEvent {
  readonly id: string
  /** `start`: a life began; `end`: one ended, however; `change`: anything else that a list may show differently. */
  readonly kind: 'start' | 'end' | 'change'
  /** Name of the container, where the event has it. */
  readonly name?: string
}

/** Who is told of events. */
export interface EngineObserver {
  /** Called once: whatever happens from now on is told. */
  ready(): void
  event(event: EngineEvent): void
}

/** What a list shall hold beyond what it costs nothing to tell. */
export interface Wanted {
  readonly addresses?: boolean
}

/** What identifies an engine; empty where it does not tell. */
export interface About {
  readonly id: string
  readonly version: string
}

/** An engine that can be asked. */
export interface Engine {
  /** Name of the engine, also the scheme of its references; `traces` stands for those that cannot be asked. */
  readonly name: ContainerEngine | 'traces'
  /** Stands for engines that are not asked: what it tells of are processes that were seen. */
  readonly unasked?: true
  /** Path of its socket, as it can be reached from here. */
  readonly address: string
  /** Its process, where that is known: tells whether the engine itself runs in a container. */
  readonly daemon?: number
  /** Which processes it may speak for; any where that is not told. */
  readonly authority?: Authority
  /**
   * Running and paused containers, newest first.
   * @param wanted `addresses`: also where an engine must look for them container by container
   * @throws RemoraError FORBIDDEN or PEER_FAILED
   */
  containers(signal: AbortSignal, wanted?: Wanted): Promise<Container[]>
  /**
   * The process of one container.
   * @returns undefined when the container is not running (any more)
   * @throws RemoraError FORBIDDEN or PEER_FAILED
   */
  process(id: string, signal: AbortSignal): Promise<ContainerProcess | undefined>
  /**
   * What a container is configured with. An engine without this does not tell it.
   * @returns nothing in it when there is no such container (any more)
   * @throws RemoraError FORBIDDEN or PEER_FAILED
   */
  configuration?(id: string, signal: AbortSignal): Promise<Configuration>
  /**
   * What the engine says of itself.
   * @throws RemoraError FORBIDDEN or PEER_FAILED
   */
  about?(signal: AbortSignal): Promise<About>
  /** Its socket is that of another engine as well: without an answer to {@link about} it is not there. */
  readonly sharesSocket?: true
  /**
   * Its networks that an interface carries, where it has networks of its own.
   * @throws RemoraError FORBIDDEN or PEER_FAILED
   */
  networks?(signal: AbortSignal): Promise<readonly EngineNetwork[]>
  /**
   * Tells what happens to containers until the signal aborts.
   * @returns when the signal has aborted
   * @throws RemoraError FORBIDDEN or PEER_FAILED when the engine cannot be asked, or ends the conversation
   */
  follow(observer: EngineObserver, signal: AbortSignal): Promise<void>
}

/** What an engine said, or why it said nothing. */
export interface EngineAnswer {
  readonly engine: Engine
  readonly containers: readonly Container[]
  readonly failure?: Error
}
