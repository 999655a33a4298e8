/**
 * The use case: from a request to a report. Everything that can be refused is refused in {@link prepareCapture}, before a
 * byte is written; {@link runCapture} then only runs what was planned.
 */
import { isAbort } from '../base/abort.ts'
import { RemoraError, toRemoraError } from '../base/errors.ts'
import { silentLog } from '../base/log.ts'
import { runLocal } from './direct/run.ts'
import { interestCheck, whileWanted } from './output/liveness.ts'
import { discard, type Output, type OutputRequest, openOutput } from './output/output.ts'
import { type PreparedCapture, prepareCapture } from './prepare/prepare.ts'
import type { CaptureContext } from './request/context.ts'
import type { CaptureReport, RunOptions } from './request/report.ts'
import type { CaptureRequest } from './request/request.ts'

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
    const prepared = await prepare(request, opening, context).catch(error => discard(opening, error))
    try {
      const output = await opening
      return await runPrepared(prepared, output, context)
    } finally {
      prepared.close()
    }
  } catch (error) {
    if (error instanceof Unwanted || isAbort(error, lifetime.stop)) return undefined
    throw error
  }
}

/** Prepares, and waits no longer than somebody wants the capture. */
async function prepare(
  making: CaptureRequest | Promise<CaptureRequest>,
  opening: Promise<Output>,
  context: CaptureContext & Pick<RunOptions, 'parent'>,
): Promise<PreparedCapture> {
  const { lifetime, parent } = context
  const request = await making
  if (request.wait === undefined) return prepareCapture(request, context)
  let check = interestCheck(undefined, parent)
  opening.then(
    output => {
      check = interestCheck(output.fd, parent)
    },
    () => {},
  )
  const prepared = await whileWanted(
    () => check(),
    lifetime.stop,
    signal => prepareCapture(request, context, signal),
  )
  if (typeof prepared === 'string') throw new Unwanted()
  return prepared
}

/** Nobody wants the capture any more; no failure. */
class Unwanted extends Error {}

/** Runs a prepared capture into an output, and ends the output as the capture ended. */
export async function runPrepared(
  prepared: PreparedCapture,
  output: Output,
  context: CaptureContext & Omit<RunOptions, 'lifetime'>,
): Promise<CaptureReport> {
  const { log = silentLog } = context
  const { plan, lives } = prepared
  let armed = false
  let report: CaptureReport
  const onArmed = () => {
    armed = true
    log.info('the capture is armed')
    context.onArmed?.()
  }
  try {
    log.debug(`plan ${JSON.stringify(plan)}`)
    const [life] = lives
    report =
      plan.route === 'direct' && life !== undefined
        ? await runLocal(life, prepared.preface, output.fd, { ...context, onArmed })
        : await (await import('./merged/session.ts')).runWoven(prepared, output.fd, { ...context, onArmed })
    log.info(`the capture ended: ${JSON.stringify(report)}`)
  } catch (error) {
    if (armed) finishFailed(output, error)
    else output.discard()
    throw error
  }
  // An interface that was not captured leaves no half a block.
  output.finish(report.complete || (report.missedInterfaces !== undefined && report.end !== 'killed'))
  return report
}

/** Ends the output of a capture that failed. Where that fails too, both are told, what came first first. */
function finishFailed(output: Output, first: unknown): void {
  try {
    output.finish(false)
  } catch (error) {
    const [{ code, message }, second] = [toRemoraError(first), toRemoraError(error)]
    throw new RemoraError(code, `${message}; ${second.message}`, { hint: second.hint, cause: first })
  }
}
