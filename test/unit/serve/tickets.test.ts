import { expect, test } from 'vitest'
import { makeTickets } from '../../../src/serve/tickets.ts'

function ticketsAt(start = 0) {
  let now = start
  const tickets = makeTickets<string>(() => now)
  const pass = (seconds: number) => {
    now += seconds * 1000
  }
  return { tickets, pass }
}

test('a ticket is good once', () => {
  const { tickets } = ticketsAt()
  const ticket = tickets.issue('web')
  expect(ticket).toMatch(/^[\w-]{32}$/)
  expect(tickets.redeem(ticket)).toBe('web')
  expect(tickets.redeem(ticket)).toBeUndefined()
})

test('a ticket is good for a minute', () => {
  const { tickets, pass } = ticketsAt(5_000)
  const [early, late] = [tickets.issue('early'), tickets.issue('late')]
  pass(59.9)
  expect(tickets.redeem(early)).toBe('early')
  pass(0.1)
  expect(tickets.redeem(late)).toBeUndefined()
  expect(tickets.waiting()).toBe(0)
})

test.each(['', 'x', '__proto__', 'A'.repeat(32)])('%j is no ticket', forged => {
  const { tickets } = ticketsAt()
  tickets.issue('web')
  expect(tickets.redeem(forged)).toBeUndefined()
  expect(tickets.waiting()).toBe(1)
})

test('a thousand may wait, and the next is told for how long', () => {
  const { tickets, pass } = ticketsAt()
  const first = tickets.issue('0')
  pass(10)
  for (let number = 1; number < 1_000; number++) tickets.issue(String(number))
  expect(tickets.wait()).toBe(50)
  expect(() => tickets.issue('one too many')).toThrow(expect.objectContaining({ code: 'LIMIT' }))
  expect(tickets.redeem(first)).toBe('0')
  expect(tickets.wait()).toBe(0)
  tickets.issue('fits')
  pass(50)
  expect(tickets.waiting()).toBe(1_000)
  pass(10)
  expect(tickets.waiting()).toBe(0)
})
