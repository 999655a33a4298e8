/**
 * Tickets: a capture that was asked for, checked and granted, to be collected once by whoever has the URL. What will be
 * captured is kept here, so nothing in the URL can be forged. Their clock only goes forward, and clients share them.
 */
import { randomBytes } from 'node:crypto'
import { RemoraError } from '../../base/errors.ts'
import { makeShares } from './shares.ts'

/** What was granted and not collected yet. */
export interface Tickets<T> {
  /**
   * Keeps something for whoever brings the ticket.
   * @param peer the client, as limits count it
   * @throws RemoraError LIMIT
   */
  issue(content: T, peer: string): string
  /** Takes it out, once; undefined for a ticket that is unknown, used or too old. */
  redeem(ticket: string): T | undefined
  /** Seconds until a client may have its next; 0 when it may at once. */
  wait(peer: string): number
  /** Tickets that may still be collected. */
  waiting(): number
}

/** Seconds a ticket is good for. */
export const ticketLife = 60
/** Tickets at a time, and of one client. */
const maxTickets = 1_000
const maxTicketsPerPeer = 250

interface Ticket<T> {
  readonly content: T
  readonly expires: number
}

/**
 * A box of tickets, empty.
 * @param now milliseconds of a clock that only goes forward
 */
export function makeTickets<T>(now: () => number = () => performance.now()): Tickets<T> {
  const shares = makeShares<Ticket<T>>(maxTickets, maxTicketsPerPeer)
  const clean = () => {
    // All live equally long.
    for (let eldest = shares.eldest(); eldest !== undefined; eldest = shares.eldest()) {
      const [ticket, { content }] = eldest
      if (content.expires > now()) return
      shares.take(ticket)
    }
  }
  const wait = (peer: string) => {
    clean()
    if (!shares.isFull(peer)) return 0
    const [, eldest] = shares.eldest(peer) ?? []
    return eldest === undefined ? 0 : Math.ceil((eldest.content.expires - now()) / 1000)
  }
  return {
    issue(content, peer) {
      const seconds = wait(peer)
      if (seconds > 0) {
        throw new RemoraError('LIMIT', `${shares.count(peer)} captures of this client wait to be collected`, {
          hint: `Try again in ${seconds} s, or collect one of them.`,
        })
      }
      const ticket = randomBytes(24).toString('base64url')
      shares.put(ticket, { content, expires: now() + ticketLife * 1000 }, peer)
      return ticket
    },
    redeem(ticket) {
      clean()
      return shares.take(ticket)?.content
    },
    wait,
    waiting() {
      clean()
      return shares.size
    },
  }
}
