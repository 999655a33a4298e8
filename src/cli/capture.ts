/** `remora capture`: packets to a file or to standard output, one updating line for people, one report at the end. */
import { isAbort } from '../base/abort.ts'
import { openLog } from '../base/log.ts'
import { printableJson } from '../base/write.ts'
import { type Lifetime, signalLifetime } from '../capture/request/lifetime.ts'
import type { OutputRequest } from '../capture/request/output.ts'
import { sessionConnections } from '../capture/request/own-stream.ts'
import { type CaptureRequest, shownTargets } from '../capture/request/request.ts'
import { chooseHost } from '../host/choose.ts'
import type { Host } from '../host/host.ts'
import { runCapture } from '../host/run.ts'
import { captureRequest, refuseLosses, type TypedOptions } from './capture-request.ts'
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
  const host = await chooseHost(options)
  if (options.dryRun) {
    return preview(host, request, lifetime, options.json ?? false).catch(error => {
      if (!isAbort(error, lifetime.stop)) throw error
    })
  }
  const context = { lifetime, log: openLog(), ...teller.listeners }
  const report = await runCapture({ host, request }, destination, context).finally(teller.clear)
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

async function preview(host: Host, request: CaptureRequest, lifetime: Lifetime, json: boolean): Promise<void> {
  const { renderFields, renderPlan } = await import('./render/plan.ts')
  const prepared = await host.prepare(request, { lifetime })
  try {
    const { whole, targets } = await prepared.preview(lifetime.stop)
    const shown = targets.length > 0 ? targets.map(renderPlan).join('\n') : renderFields(whole)
    print(json ? `${printableJson(whole, 2)}\n` : shown)
  } finally {
    prepared.close()
  }
}
