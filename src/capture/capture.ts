/**
 * The use case: from a request to a report. Everything that can be refused is refused in {@link prepareCapture}, before a
 * byte is written; {@link runPrepared} then only runs what was planned.
 */
import { RemoraError, toRemoraError } from '../base/errors.ts'
import { silentLog } from '../base/log.ts'
import { runLocal } from './direct/run.ts'
import type { Output } from './output/output.ts'
import { type PreparedCapture, prepareCapture } from './prepare/prepare.ts'
import type { CapturePreview } from './preview.ts'
import type { CaptureContext } from './request/context.ts'
import type { CaptureReport, RunOptions } from './request/report.ts'
import type { CaptureRequest } from './request/request.ts'

/** What a capture has around it, and who is told of it. */
export type RunContext = CaptureContext & Omit<RunOptions, 'lifetime'>

/** A capture that may begin, whichever host it is on. */
export interface RunnableCapture {
  /** What is captured, for the title of a window. */
  readonly name: string
  /** Shows what it will be; nothing is captured. */
  preview(signal: AbortSignal): Promise<PreviewedCapture>
  /** Captures into an output, and ends that as the capture ended. */
  run(output: Output): Promise<CaptureReport>
  /** Releases what was prepared; called once, in any case. */
  close(): void
}

/** What a capture would be. */
export interface PreviewedCapture {
  /** All of it, as JSON. */
  readonly whole: object
  /** What is known of each target; empty when only the whole is told. */
  readonly targets: readonly CapturePreview[]
}

/**
 * Prepares a capture that this program makes.
 * @throws RemoraError as {@link prepareCapture} does
 */
export async function prepareRunnable(
  request: CaptureRequest,
  context: RunContext,
  signal?: AbortSignal,
): Promise<RunnableCapture> {
  const prepared = await prepareCapture(request, context, signal)
  return {
    name: prepared.plan.name,
    preview: async signal => (await import('./preview.ts')).previewWhole(prepared, signal),
    run: output => runPrepared(prepared, output, context),
    close: () => prepared.close(),
  }
}

/** Runs a prepared capture into an output, and ends the output as the capture ended. */
export async function runPrepared(
  prepared: PreparedCapture,
  output: Output,
  context: RunContext,
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
        ? await runLocal({ ...life, stop: plan.stop }, prepared.preface, output.fd, { ...context, onArmed })
        : await (await import('./merged/session.ts')).runMerged(prepared, output.fd, { ...context, onArmed })
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
