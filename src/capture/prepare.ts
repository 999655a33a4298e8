/**
 * Everything before the first byte: the target is found, or waited for, its interfaces are chosen, the filter is compiled.
 * Whatever can be refused is refused here.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { RemoraError } from '../base/errors.ts'
import { type Log, silentLog } from '../base/log.ts'
import { startingPlace, turn } from '../base/turn.ts'
import { type ResolvedTarget, resolveTarget } from '../discover/resolve.ts'
import { checkFilter } from '../linux/dumpcap.ts'
import { listInterfaces, type NetworkInterface } from '../linux/iproute.ts'
import { isStillThere } from '../linux/netns.ts'
import { hasCapability } from '../linux/proc.ts'
import type { Head } from './head.ts'
import type { Lifetime } from './lifetime.ts'
import { type CapturePlan, planCapture } from './plan.ts'
import type { CaptureRequest } from './request.ts'
import { type AwaitedTarget, type TargetWatch, watchForTarget } from './wait.ts'

export interface PreparedCapture {
  readonly request: CaptureRequest
  readonly plan: CapturePlan
  readonly target: ResolvedTarget
  /** What was captured before the target was known, where it was waited for. */
  readonly head?: Head | undefined
  /** Waits for the next life of a target that is followed. */
  readonly next?: ((signal: AbortSignal) => Promise<PreparedCapture>) | undefined
  /** Releases the namespace and all that was begun; whoever prepared the capture calls it once. */
  close(): void
}

export interface CaptureContext {
  readonly lifetime: Lifetime
  readonly log?: Log
  readonly env?: NodeJS.ProcessEnv
  /** Have packets counted while the capture runs. */
  readonly counting?: boolean
  /** MiB of kernel buffer, for all interfaces together. */
  readonly buffer?: number
  /** Called once, when the target is not there and is waited for. */
  readonly onPending?: () => void
}

/**
 * Finds the target, or waits for it; chooses its interfaces and compiles the filter.
 * @throws RemoraError for everything that stands against the capture; the reason of the signal when that aborts
 */
export async function prepareCapture(
  request: CaptureRequest,
  context: CaptureContext,
  signal: AbortSignal = context.lifetime.stop,
): Promise<PreparedCapture> {
  const { wait, follow } = request
  const known = wait === undefined ? await prepareLife(request, undefined, context, signal) : undefined
  if (known !== undefined && !follow) return known
  const watch = watchForTarget(request, context, known?.target)
  try {
    const first = known ?? (await prepareLife(request, watch, context, signal))
    if (!follow) {
      watch.close()
      return first
    }
    const close = () => {
      watch.close()
      first.close()
    }
    return { ...first, close, next: limit => prepareLife({ ...request, wait: {} }, watch, context, limit) }
  } catch (error) {
    watch.close()
    throw error
  }
}

/** Prepares the capture of one life of the target. */
async function prepareLife(
  request: CaptureRequest,
  watch: TargetWatch | undefined,
  context: CaptureContext,
  signal: AbortSignal,
): Promise<PreparedCapture> {
  const { log = silentLog, env = process.env, counting = false, buffer, onPending } = context
  const { wait } = request
  await turn()
  const { target, head }: AwaitedTarget =
    watch === undefined || wait === undefined
      ? { target: await resolveTarget(request.target, { signal, env, names: request.names }) }
      : await watch.next({ signal, timeout: wait.timeout, onPending })
  const { namespace } = target
  const close = () => {
    head?.close()
    namespace.close()
  }
  try {
    log.info(
      `${request.target} is ${target.reference}, netns ${namespace.inode}${head ? ', captured since it came' : ''}`,
    )
    const woven = request.follow || head !== undefined
    const planFor = (interfaces: readonly NetworkInterface[], gone = false) =>
      planCapture(gone ? { ...request, interfaces: ['any'] } : request, target, interfaces, { counting, woven, buffer })
    const plan = await planWhenUp(planFor, target, wait !== undefined, signal)
    const { interfaces, filter } = plan.dumpcap
    // Without the right in our own hands only dumpcap itself can tell whether it may capture.
    if (filter !== '' || !hasCapability('netRaw')) {
      await checkFilter(
        namespace,
        filter,
        interfaces.map(({ name }) => name),
        signal,
      )
    }
    return { request, plan, target, head, close }
  } catch (error) {
    close()
    throw error
  }
}

/** Milliseconds between looks whether a target that was waited for has an interface now. */
const interfaceInterval = 200

/** Plans as soon as there is an interface. What has gone by then is captured on `any`: its head may have all its packets. */
async function planWhenUp(
  plan: (interfaces: readonly NetworkInterface[], gone?: boolean) => CapturePlan,
  { namespace }: ResolvedTarget,
  waiting: boolean,
  signal: AbortSignal,
): Promise<CapturePlan> {
  for (;;) {
    const leave = await startingPlace()
    try {
      return plan(await listInterfaces(namespace, signal).finally(leave))
    } catch (error) {
      if (!waiting || !(error instanceof RemoraError) || error.code !== 'INTERFACE_NOT_FOUND') throw error
      if (!isStillThere(namespace)) return plan([], true)
      await sleep(interfaceInterval, undefined, { signal })
    }
  }
}
