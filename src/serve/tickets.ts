/**
 * Tickets: a capture that was asked for, checked and granted, to be collected once by whoever has the URL. What will be
 * captured is kept here, so nothing in the URL can be forged. Their clock only goes forward. One client has a share of them
 * at most, and where all are given out, the one who has the most gives one up for a client that has fewer.
 */
import { randomBytes } from 'node:crypto'
import { RemoraError } from '../base/errors.ts'

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
  readonly peer: string
  readonly expires: number
}

/**
 * A box of tickets, empty.
 * @param now milliseconds of a clock that only goes forward
 */
export function makeTickets<T>(now: () => number = () => performance.now()): Tickets<T> {
  // In the order of their age, since all live equally long.
  const tickets = new Map<string, Ticket<T>>()
  const counts = new Map<string, number>()
  const remove = (ticket: string): Ticket<T> | undefined => {
    const found = tickets.get(ticket)
    if (found === undefined) return undefined
    tickets.delete(ticket)
    const left = (counts.get(found.peer) ?? 0) - 1
    if (left > 0) counts.set(found.peer, left)
    else counts.delete(found.peer)
    return found
  }
  const clean = () => {
    for (const [ticket, { expires }] of tickets) {
      if (expires > now()) return
      remove(ticket)
    }
  }
  const eldestOf = (peer: string) => [...tickets].find(([, ticket]) => ticket.peer === peer)
  /** Who has the most. */
  const greatest = () => [...counts].reduce((most, one) => (one[1] > most[1] ? one : most), ['', 0] as const)
  const wait = (peer: string) => {
    clean()
    const own = counts.get(peer) ?? 0
    const isFull = own >= maxTicketsPerPeer || (tickets.size >= maxTickets && own + 1 >= greatest()[1])
    if (!isFull) return 0
    const [, eldest] = eldestOf(peer) ?? tickets.entries().next().value ?? []
    return eldest === undefined ? 0 : Math.ceil((eldest.expires - now()) / 1000)
  }
  return {
    issue(content, peer) {
      const seconds = wait(peer)
      if (seconds > 0) {
        throw new RemoraError('LIMIT', `${counts.get(peer) ?? 0} captures of this client wait to be collected`, {
          hint: `Try again in ${seconds} s, or collect one of them.`,
        })
      }
      if (tickets.size >= maxTickets) remove(eldestOf(greatest()[0])?.[0] ?? '')
      const ticket = randomBytes(24).toString('base64url')
      tickets.set(ticket, { content, peer, expires: now() + ticketLife * 1000 })
      counts.set(peer, (counts.get(peer) ?? 0) + 1)
      return ticket
    },
    redeem(ticket) {
      clean()
      return remove(ticket)?.content
    },
    wait,
    waiting() {
      clean()
      return tickets.size
    },
  }
}
