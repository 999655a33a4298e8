/** Ports that are forwarded. */
import type { Family } from '../base/ip.ts'

/** A destination that is translated to another one. */
export interface Forward {
  readonly family: Family
  readonly protocol: string
  /** Address it is for; empty for any. */
  readonly address: string
  readonly port: number
  readonly toAddress: string
  readonly toPort: number
}
