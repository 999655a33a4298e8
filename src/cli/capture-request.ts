/** From what was typed for a capture to what is meant. */
import { RemoraError } from '../base/errors.ts'
import type { CaptureReport } from '../capture/request/report.ts'
import {
  type CaptureRequest,
  parseInterfaceNames,
  parseMatch,
  parsePoint,
  parseSnaplen,
  parseStopConditions,
  parseWait,
  parseWindow,
} from '../capture/request/request.ts'
import type { HostOptions } from '../host/choose.ts'

/** The options of capture-like commands, as commander names them. */
export interface TypedOptions extends HostOptions {
  readonly includeSelf?: boolean
  readonly interface?: readonly string[]
  readonly filter?: string
  readonly autostop?: readonly string[]
  readonly snapshotLength?: string
  /** Empty when --wait came without a number. */
  readonly wait?: string
  readonly follow?: boolean
  readonly window?: string
  readonly direction?: boolean
  readonly immediate?: boolean
  readonly at?: string
  readonly match?: string
  readonly tlsKeys?: boolean
  readonly keylog?: readonly string[]
  readonly strict?: boolean
  /** False when -p was given. */
  readonly promiscuousMode: boolean
  /** False when --no-names was given. */
  readonly names: boolean
}

/**
 * Makes a capture request.
 * @throws RemoraError USAGE
 */
export function captureRequest(targets: readonly string[], options: TypedOptions): CaptureRequest {
  const keylogs = options.keylog ?? []
  const keys =
    options.tlsKeys || keylogs.length > 0 ? { fromTargets: options.tlsKeys ?? false, files: keylogs } : undefined
  return {
    targets: [...new Set(targets)],
    interfaces: parseInterfaceNames(options.interface ?? []),
    filter: (options.filter ?? '').trim(),
    snaplen: parseSnaplen(options.snapshotLength),
    promiscuous: options.promiscuousMode,
    stop: parseStopConditions(options.autostop ?? []),
    names: options.names,
    wait: parseWait(options.wait),
    follow: options.follow ?? false,
    window: parseWindow(options.window),
    direction: options.direction ?? false,
    immediate: options.immediate ?? false,
    at: parsePoint(options.at) ?? 'inside',
    match: parseMatch(options.match),
    keys,
    includeSelf: options.includeSelf ?? false,
  }
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
