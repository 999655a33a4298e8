/** From what was typed for a capture to what is meant. */
import { RemoraError } from '../base/errors.ts'
import type { RemoteRequest } from '../capture/remote.ts'
import {
  type CaptureRequest,
  parseInterfaceNames,
  parseSnaplen,
  parseStopConditions,
  parseWait,
} from '../capture/request.ts'
import { findService, type ServiceOptions } from '../capture/service.ts'

/** The options of capture-like commands, as commander names them. */
export interface TypedOptions extends ServiceOptions {
  readonly includeSelf?: boolean
  readonly interface?: readonly string[]
  readonly filter?: string
  readonly autostop?: readonly string[]
  readonly snapshotLength?: string
  /** Empty when --wait came without a number. */
  readonly wait?: string
  readonly follow?: boolean
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
  const [target = '', ...others] = targets
  if (others.length > 0) {
    throw new RemoraError('USAGE', `one capture has one target, and ${targets.length} were given`, {
      hint: 'Start one capture for each of them.',
    })
  }
  return {
    target,
    interfaces: parseInterfaceNames(options.interface ?? []),
    filter: (options.filter ?? '').trim(),
    snaplen: parseSnaplen(options.snapshotLength),
    promiscuous: options.promiscuousMode,
    stop: parseStopConditions(options.autostop ?? []),
    names: options.names,
    wait: parseWait(options.wait),
    follow: options.follow ?? false,
  }
}

/**
 * The same for a capture service, where one was named, or is the only way for this user.
 * @throws RemoraError USAGE
 */
export function remoteRequest(request: CaptureRequest, options: TypedOptions): RemoteRequest | undefined {
  const service = findService(options)
  return service && { kind: 'request', service, request, includeSelf: options.includeSelf ?? false }
}
