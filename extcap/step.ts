/** What every step gets. */
import type { Log } from '../src/base/log.ts'

/** Where a step writes to. */
export interface StepContext {
  readonly log: Log
  /** Writes to standard output. */
  write(text: string): void
}

/** Milliseconds an engine has in a step that lists: Wireshark waits for it without a limit of its own. */
export const listTimeout = 300
