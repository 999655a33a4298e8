/** What is looked for while a target is not there, and how what comes is captured until it is known: pure data. */
import type { SeveralMatches } from '../../reference/reference.ts'
import { type CaptureRequest, shownTargets } from '../request/request.ts'

/** A search for targets. */
export interface SearchPlan {
  /** References as typed. */
  readonly references: readonly string[]
  /** What becomes of a reference that means several targets. */
  readonly match: SeveralMatches | undefined
  /** Names of the targets are gathered. */
  readonly names: boolean
  /** Go on after each reference has had a target. */
  readonly follow: boolean
  /** What is looked for, as it may be shown and logged. */
  readonly shown: string
  readonly early: EarlyTap
}

/** A tap on `any` of a namespace that may be the one. */
export interface EarlyTap {
  readonly filter: string
  readonly snaplen: number | undefined
  readonly promiscuous: boolean
}

/** Plans the search for the targets of a request. */
export function planSearch(request: CaptureRequest): SearchPlan {
  const { targets: references, match, names, follow, filter, snaplen, promiscuous } = request
  return {
    ...{ references, match, names, follow },
    shown: shownTargets(request),
    early: { filter, snaplen, promiscuous },
  }
}
