/** `remora capture`: packets to a file or to standard output, one updating line for people, one report at the end. */
import { isAbort } from '../base/abort.ts'
import { openLog } from '../base/log.ts'
import { printableJson } from '../base/write.ts'
import type { OutputRequest } from '../capture/output/output.ts'
import type { RemoteRequest } from '../capture/remote.ts'
import { type Lifetime, signalLifetime } from '../capture/request/lifetime.ts'
import { sessionConnections } from '../capture/request/own-stream.ts'
import { type CaptureRequest, shownTargets } from '../capture/request/request.ts'
import { captureRequest, refuseLosses, remoteRequest, type TypedOptions } from './capture-request.ts'
import { captureTeller, type TellingOptions } from './capture-teller.ts'
import { print } from './render/terminal.ts'

interface CaptureOptions extends TypedOptions, TellingOptions {
  readonly write?: string
  readonly dryRun?: boolean
}

/** Captures until a stop condition, a signal, or the end of the target. */
export async function capture(targets: readonly string[], options: CaptureOptions): Promise<void> {
  const destination = outputRequest(options.write)
  const request = withoutSession(captureRequest(targets, options), destination, options)
  const teller = captureTeller(shownTargets(request), destination, options)
  const lifetime = signalLifetime()
  const remote = await remoteRequest(request, options)
  if (options.dryRun) {
    const showing =
      remote === undefined
        ? preview(request, lifetime, options.json ?? false)
        : previewRemote(remote, lifetime, options.json ?? false)
    return showing.catch(error => {
      if (!isAbort(error, lifetime.stop)) throw error
    })
  }
  const context = { lifetime, log: openLog(), ...teller.listeners }
  const capturing =
    remote === undefined
      ? (await import('../capture/capture.ts')).runCapture(request, destination, context)
      : (await import('../capture/run-remote.ts')).runRemoteCapture(Promise.resolve(remote), destination, context)
  const report = await capturing.finally(teller.clear)
  if (report === undefined) return
  teller.end(report)
  refuseLosses(report, options)
}

/** Packets that go to standard output may leave the machine by the very network that is captured. */
function withoutSession(
  request: CaptureRequest,
  { kind }: OutputRequest,
  { includeSelf }: CaptureOptions,
): CaptureRequest {
  return kind !== 'stdout' || includeSelf ? request : { ...request, ownStream: sessionConnections() }
}

function outputRequest(write = '-'): OutputRequest {
  return write === '-' ? { kind: 'stdout' } : { kind: 'file', path: write }
}

async function previewRemote(remote: RemoteRequest, { stop }: Lifetime, json: boolean): Promise<void> {
  const [{ prepareRemote }, { renderRemotePlan }] = await Promise.all([
    import('../capture/remote.ts'),
    import('./render/plan.ts'),
  ])
  const { plan } = await prepareRemote(remote, stop)
  print(json ? `${printableJson(plan, 2)}\n` : renderRemotePlan(plan))
}

async function preview(request: CaptureRequest, lifetime: Lifetime, json: boolean): Promise<void> {
  const [{ prepareCapture }, { previewCapture }, { renderPlan }] = await Promise.all([
    import('../capture/prepare/prepare.ts'),
    import('../capture/preview.ts'),
    import('./render/plan.ts'),
  ])
  const prepared = await prepareCapture(request, { lifetime })
  try {
    const targets = await previewCapture(prepared, lifetime.stop)
    const { reference, name, route, reasons, window } = prepared.plan
    const [only] = targets
    const whole = targets.length === 1 ? only : { reference, name, route, reasons, window, sources: targets }
    print(json ? `${printableJson(whole, 2)}\n` : targets.map(renderPlan).join('\n'))
  } finally {
    prepared.close()
  }
}
