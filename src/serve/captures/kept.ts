/**
 * Captures that were prepared for a ticket, kept until it is collected. A client mostly does so at once, and then nothing is
 * looked up a second time. What is kept holds descriptors, so there are few of them, not for long, and shared between
 * clients; a capture that is not kept is prepared again when its ticket is collected.
 */
import { setTimeout } from '../../base/timers.ts'
import type { PreparedStream } from '../../capture/stream.ts'
import { makeShares } from './shares.ts'

/** What was prepared and not collected yet. */
export interface KeptCaptures {
  /**
   * Takes a prepared capture over, and closes it unless it is taken in time.
   * @param peer the client, as limits count it
   */
  keep(ticket: string, prepared: PreparedStream, peer: string): void
  /** Hands it out, once; the caller closes it. */
  take(ticket: string): PreparedStream | undefined
  /** Closes all. */
  close(): void
}

/** Milliseconds a prepared capture is kept: what was found out about the target is hardly older than that. */
const keptTime = 5_000
/** Captures at a time, and of one client. */
const most = 64
const mostPerPeer = 16

interface Kept {
  readonly prepared: PreparedStream
  readonly timer: NodeJS.Timeout
}

/** A box of prepared captures, empty. */
export function makeKeptCaptures(time = keptTime): KeptCaptures {
  const shares = makeShares<Kept>(most, mostPerPeer)
  const release = (kept: Kept | undefined) => {
    clearTimeout(kept?.timer)
    return kept?.prepared
  }
  const take = (ticket: string) => release(shares.take(ticket))
  return {
    keep(ticket, prepared, peer) {
      if (shares.isFull(peer)) return prepared.close()
      const timer = setTimeout(() => take(ticket)?.close(), time).unref()
      release(shares.put(ticket, { prepared, timer }, peer))?.close()
    },
    take,
    close() {
      for (let eldest = shares.eldest(); eldest !== undefined; eldest = shares.eldest()) take(eldest[0])?.close()
    },
  }
}
