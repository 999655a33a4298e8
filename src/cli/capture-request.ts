/** From what was typed for a capture to what is meant. */
import { RemoraError } from '../base/errors.ts'
import type { CaptureReport } from '../capture/request/report.ts'
import { type CaptureRequest, requestOf } from '../capture/request/request.ts'
import type { HostOptions } from '../host/choose.ts'

/** The options of capture-like commands, as commander names them, beside those of the request. */
export interface TypedOptions extends HostOptions {
  readonly includeSelf?: boolean
  readonly strict?: boolean
}

/**
 * Makes a capture request.
 * @throws RemoraError USAGE
 */
export function captureRequest(targets: readonly string[], options: TypedOptions): CaptureRequest {
  const request = requestOf(targets, (_, option) => option.fromFlags(options as never))
  return { ...request, includeSelf: options.includeSelf ?? false }
}

/**
 * With --strict lost packets are a failure, of a capture that is otherwise whole.
 * @throws RemoraError CAPTURE_FAILED
 */
export function refuseLosses({ dropped, interfaces }: CaptureReport, { strict = false }: TypedOptions): void {
  if (!strict || dropped === 0) return
  const where = interfaces.filter(nif => nif.dropped > 0).map(nif => `${nif.name} ${nif.dropped}`)
  throw new RemoraError('CAPTURE_FAILED', `${dropped} packets were lost (${where.join(', ')})`, {
    hint: 'A capture filter (-f), a snapshot length (-s) or fewer interfaces (-i) make less to carry.',
  })
}
