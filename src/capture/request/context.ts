/** What a capture has around it. */
import type { Log } from '../../base/log.ts'
import type { Lifetime } from './lifetime.ts'
import type { Places } from './places.ts'

/** What a capture has around it, beside what was asked for. */
export interface CaptureContext {
  readonly lifetime: Lifetime
  readonly log?: Log
  readonly env?: NodeJS.ProcessEnv
  /** Have packets counted while the capture runs. */
  readonly counting?: boolean
  /** MiB of kernel buffer for all interfaces of a target together. */
  readonly buffer?: number
  /** Places that it shares with other captures. */
  readonly places?: Places
  /** Called once, when no target is there and one is waited for. */
  readonly onPending?: () => void
  /** Called once for each thing that stands in the way of what is waited for, and may pass. */
  readonly onWarning?: (line: string) => void
  /** Called when something was found that may be a target; may be called again. */
  readonly onFound?: () => void
}
