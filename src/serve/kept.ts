/**
 * Captures that were prepared for a ticket, kept until it is collected. A client mostly does so at once, and then nothing is
 * looked up a second time. What is kept holds descriptors, so there are few of them, and not for long: whoever collects
 * later has the capture prepared again.
 */
import { setTimeout } from '../base/timers.ts'
import type { PreparedStream } from '../capture/stream.ts'

/** What was prepared and not collected yet. */
export interface KeptCaptures {
  /** Takes a prepared capture over, and closes it unless it is taken in time. */
  keep(ticket: string, prepared: PreparedStream): void
  /** Hands it out, once; the caller closes it. */
  take(ticket: string): PreparedStream | undefined
  /** Closes all. */
  close(): void
}

/** Milliseconds a prepared capture is kept: what was found out about the target is hardly older than that. */
const keptTime = 5_000
const most = 64

/** A box of prepared captures, empty. */
export function makeKeptCaptures(time = keptTime): KeptCaptures {
  const kept = new Map<string, { readonly prepared: PreparedStream; readonly timer: NodeJS.Timeout }>()
  const take = (ticket: string) => {
    const found = kept.get(ticket)
    kept.delete(ticket)
    clearTimeout(found?.timer)
    return found?.prepared
  }
  return {
    keep(ticket, prepared) {
      if (kept.size >= most) return prepared.close()
      const timer = setTimeout(() => take(ticket)?.close(), time).unref()
      kept.set(ticket, { prepared, timer })
    },
    take,
    close() {
      for (const ticket of [...kept.keys()]) take(ticket)?.close()
    },
  }
}
