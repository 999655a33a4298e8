/**
 * Tickets: a capture that was asked for, checked and granted, to be collected once by whoever has the URL. What will be
 * captured is kept here, so nothing in the URL can be forged. Their clock only goes forward.
 */
import { randomBytes } from 'node:crypto'
import { RemoraError } from '../base/errors.ts'

/** What was granted and not collected yet. */
export interface Tickets<T> {
  /**
   * Keeps something for whoever brings the ticket.
   * @throws RemoraError LIMIT
   */
  issue(content: T): string
  /** Takes it out, once; undefined for a ticket that is unknown, used or too old. */
  redeem(ticket: string): T | undefined
  /** Seconds until the next place is free; 0 when there is one. */
  wait(): number
  /** Tickets that may still be collected. */
  waiting(): number
}

/** Seconds a ticket is good for. */
export const ticketLife = 60
/** Tickets at a time. */
const most = 1_000

/**
 * A box of tickets, empty.
 * @param now milliseconds of a clock that only goes forward
 */
export function makeTickets<T>(now: () => number = () => performance.now()): Tickets<T> {
  // In the order of their age, since all live equally long.
  const tickets = new Map<string, { readonly content: T; readonly expires: number }>()
  const clean = () => {
    for (const [ticket, { expires }] of tickets) {
      if (expires > now()) return
      tickets.delete(ticket)
    }
  }
  const wait = () => {
    clean()
    const [eldest] = tickets.values()
    return eldest === undefined || tickets.size < most ? 0 : Math.ceil((eldest.expires - now()) / 1000)
  }
  return {
    issue(content) {
      const seconds = wait()
      if (seconds > 0) {
        throw new RemoraError('LIMIT', `${most} captures wait to be collected`, {
          hint: `Try again in ${seconds} s, or collect one of them.`,
        })
      }
      const ticket = randomBytes(24).toString('base64url')
      tickets.set(ticket, { content, expires: now() + ticketLife * 1000 })
      return ticket
    },
    redeem(ticket) {
      clean()
      const found = tickets.get(ticket)
      tickets.delete(ticket)
      return found?.content
    },
    wait,
    waiting() {
      clean()
      return tickets.size
    },
  }
}
