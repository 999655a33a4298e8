/**
 * A machine that can be asked what it has, and captured on. The faces know nothing else; which machine it is, and whether a
 * service stands between, is chosen once (choose.ts).
 */
import type { RunContext, RunnableCapture } from '../capture/capture.ts'
import type { PacketStream } from '../capture/merged/streams.ts'
import type { CaptureRequest } from '../capture/request/request.ts'
import type { RunningTarget } from '../discover/list/running.ts'
import type { TargetEvent } from '../discover/watch/watch-state.ts'
import type { Target } from '../model/target.ts'
import type { Check } from '../setup/doctor.ts'

/** What can be asked of a machine. Members load what they need when it is asked for. */
export interface Host {
  /** What it is called in a log. */
  readonly name: string
  /**
   * Lists everything that can be captured.
   * @throws RemoraError when it cannot be listed
   */
  list(options: ListOptions): Promise<Listing>
  /**
   * Tells of targets until the signal aborts; those that are there appear first.
   * @throws RemoraError when nothing more can be told
   */
  watch(options: WatchOptions): Promise<void>
  /**
   * Lists running containers and pods, newest first, what shares the network of another behind that one.
   * @param engineTimeoutMs milliseconds each engine has
   */
  running(engineTimeoutMs: number, signal: AbortSignal): Promise<readonly RunningTarget[]>
  /**
   * Names the interfaces of a target that are up.
   * @throws RemoraError as resolving the target does
   */
  interfaces(reference: string, signal: AbortSignal): Promise<readonly string[]>
  /**
   * Checks everything that can be refused; nothing is captured yet.
   * @throws RemoraError for everything that stands against the capture; the reason of the signal when that aborts
   */
  prepare(request: CaptureRequest, context: RunContext, signal?: AbortSignal): Promise<RunnableCapture>
  /**
   * Starts a capture that is merged with those of other hosts.
   * @throws RemoraError as {@link Host.prepare} does
   */
  open(request: CaptureRequest, context: RunContext, signal?: AbortSignal): Promise<PacketStream>
  /** Checks what a capture on it needs. */
  check(env: NodeJS.ProcessEnv): Promise<readonly Check[]>
}

/** How thoroughly a host is asked. */
export interface ListOptions {
  readonly signal: AbortSignal
  /** Milliseconds each engine has; undefined: as long as the host thinks good. */
  readonly engineTimeoutMs?: number
  /** Look into every namespace, also those that only a thread or a descriptor keeps. */
  readonly thorough: boolean
}

/** Targets of a host. */
export interface Listing {
  readonly targets: readonly Target[]
  /** One sentence for each source that failed. */
  readonly warnings: readonly string[]
}

/** Who is told of changes. */
export interface WatchOptions {
  readonly signal: AbortSignal
  /** Called for each change. */
  readonly onEvent: (event: TargetEvent) => void
  /** Called for each source that begins to fail. */
  readonly onWarning: (warning: string) => void
}
