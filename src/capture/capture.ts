/**
 * The use case: from a request to a report. Everything that can be refused is refused in {@link prepareCapture}, before a
 * byte is written; {@link runCapture} then only runs what was planned.
 */
import { RemoraError } from '../base/errors.ts'
import { type Log, silentLog } from '../base/log.ts'
import { type ResolvedTarget, resolveTarget } from '../discover/resolve.ts'
import { checkFilter } from '../linux/dumpcap.ts'
import { listInterfaces } from '../linux/iproute.ts'
import { hasCapability } from '../linux/proc.ts'
import type { Lifetime } from './lifetime.ts'
import { type Output, type OutputRequest, openOutput } from './output.ts'
import { type CapturePlan, planCapture } from './plan.ts'
import type { CaptureRequest } from './request.ts'
import { type CaptureReport, type RunOptions, runLocal } from './run-local.ts'

export interface PreparedCapture {
  readonly plan: CapturePlan
  readonly target: ResolvedTarget
  /** Releases the namespace; whoever prepared the capture calls it once. */
  close(): void
}

export interface CaptureContext {
  readonly lifetime: Lifetime
  readonly log?: Log
  readonly env?: NodeJS.ProcessEnv
  /** Have packets counted while the capture runs. */
  readonly counting?: boolean
}

/**
 * Finds the target, chooses its interfaces and compiles the filter.
 * @throws RemoraError for everything that stands against the capture; the reason of `lifetime.stop` when asked to stop
 */
export async function prepareCapture(request: CaptureRequest, context: CaptureContext): Promise<PreparedCapture> {
  const { lifetime, log = silentLog, env = process.env, counting = false } = context
  const signal = lifetime.stop
  const target = await resolveTarget(request.target, { signal, env, names: request.names })
  const { namespace } = target
  try {
    log.info(`${request.target} is ${target.reference}, netns ${namespace.inode}`)
    const plan = planCapture(request, target, await listInterfaces(namespace, signal), counting)
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
    return { plan, target, close: () => namespace.close() }
  } catch (error) {
    namespace.close()
    throw error
  }
}

/**
 * Captures from start to end.
 * @param request may still be in the making; a failure there ends like any other
 * @returns undefined when asked to stop before the capture had begun
 * @throws RemoraError when the capture cannot start or breaks; what was written by then is kept
 */
export async function runCapture(
  request: CaptureRequest | Promise<CaptureRequest>,
  destination: OutputRequest,
  context: CaptureContext & Omit<RunOptions, 'lifetime'>,
): Promise<CaptureReport | undefined> {
  const { lifetime } = context
  // The fifo is opened meanwhile, and in any case: older Wiresharks hang when nobody ever opens it.
  const opening = openOutput(destination, lifetime.stop)
  opening.catch(() => {})
  try {
    const prepared = await prepare(request, context).catch(error => discard(opening, error))
    try {
      const output = await opening
      return await runPrepared(prepared, output, context)
    } finally {
      prepared.close()
    }
  } catch (error) {
    if (lifetime.stop.aborted && !(error instanceof RemoraError)) return undefined
    throw error
  }
}

async function prepare(
  request: CaptureRequest | Promise<CaptureRequest>,
  context: CaptureContext,
): Promise<PreparedCapture> {
  return prepareCapture(await request, context)
}

async function discard(opening: Promise<Output>, error: unknown): Promise<never> {
  await opening.then(
    output => output.discard(),
    () => {},
  )
  throw error
}

/** Runs a prepared capture into an output, and ends the output as the capture ended. */
export async function runPrepared(
  { plan, target }: PreparedCapture,
  output: Output,
  context: CaptureContext & Omit<RunOptions, 'lifetime'>,
): Promise<CaptureReport> {
  const { log = silentLog } = context
  let armed = false
  let report: CaptureReport
  const onArmed = () => {
    armed = true
    log.info('the capture is armed')
    context.onArmed?.()
  }
  try {
    log.debug(`dumpcap ${JSON.stringify(plan.dumpcap)}`)
    report = await runLocal(plan, target.namespace, output.fd, { ...context, onArmed })
    log.info(`the capture ended: ${JSON.stringify(report)}`)
  } catch (error) {
    if (armed) output.finish(false)
    else output.discard()
    throw error
  }
  output.finish(report.complete)
  return report
}
