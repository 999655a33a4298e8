/** A capture on a host, from start to end, whichever host it is. */
import { isAbort } from '../base/abort.ts'
import type { RunContext, RunnableCapture } from '../capture/capture.ts'
import { interestCheck, whileWanted } from '../capture/output/liveness.ts'
import { discard, type Output, openOutput } from '../capture/output/output.ts'
import type { OutputRequest } from '../capture/request/output.ts'
import type { CaptureReport } from '../capture/request/report.ts'

/** What is to be captured, and where. */
export interface HostRequest<Request> {
  readonly host: {
    prepare(request: Request, context: RunContext, signal?: AbortSignal): Promise<RunnableCapture>
  }
  readonly request: Request
}

/**
 * Captures from start to end.
 * @param asked may still be in the making; a failure there ends like any other
 * @returns undefined when asked to stop before the capture had begun
 * @throws RemoraError when the capture cannot start or breaks; what was written by then is kept
 */
export async function runCapture<Request extends object>(
  asked: HostRequest<Request> | Promise<HostRequest<Request>>,
  destination: OutputRequest,
  context: RunContext,
): Promise<CaptureReport | undefined> {
  const { lifetime } = context
  // The fifo is opened meanwhile, and in any case: older Wiresharks hang when nobody ever opens it.
  const opening = openOutput(destination, lifetime.stop)
  opening.catch(() => {})
  try {
    const prepared = await prepare(asked, opening, context).catch(error => discard(opening, error))
    try {
      return await prepared.run(await opening)
    } finally {
      prepared.close()
    }
  } catch (error) {
    if (error instanceof Unwanted || isAbort(error, lifetime.stop)) return undefined
    throw error
  }
}

/** Prepares, and waits no longer than somebody wants the capture. */
async function prepare<Request extends object>(
  asked: HostRequest<Request> | Promise<HostRequest<Request>>,
  opening: Promise<Output>,
  context: RunContext,
): Promise<RunnableCapture> {
  const { lifetime, parent } = context
  const { host, request } = await asked
  if (!('wait' in request) || request.wait === undefined) return host.prepare(request, context)
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
    signal => host.prepare(request, context, signal),
  )
  if (typeof prepared === 'string') throw new Unwanted()
  return prepared
}

/** Nobody wants the capture any more; no failure. */
class Unwanted extends Error {}
