import { expect, test } from 'vitest'
import { makeTickets } from '../../../../src/serve/captures/tickets.ts'

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
  const ticket = tickets.issue('web', 'a')
  expect(ticket).toMatch(/^[\w-]{32}$/)
  expect(tickets.redeem(ticket)).toBe('web')
  expect(tickets.redeem(ticket)).toBeUndefined()
})

test('a ticket is good for a minute', () => {
  const { tickets, pass } = ticketsAt(5_000)
  const [early, late] = [tickets.issue('early', 'a'), tickets.issue('late', 'a')]
  pass(59.9)
  expect(tickets.redeem(early)).toBe('early')
  pass(0.1)
  expect(tickets.redeem(late)).toBeUndefined()
  expect(tickets.waiting()).toBe(0)
})

test.each(['', 'x', '__proto__', 'A'.repeat(32)])('%j is no ticket', forged => {
  const { tickets } = ticketsAt()
  tickets.issue('web', 'a')
  expect(tickets.redeem(forged)).toBeUndefined()
  expect(tickets.waiting()).toBe(1)
})

test('a client may have 250, and is told when the next is free', () => {
  const { tickets, pass } = ticketsAt()
  const first = tickets.issue('0', 'a')
  pass(10)
  for (let number = 1; number < 250; number++) tickets.issue(String(number), 'a')
  expect(tickets.wait('a')).toBe(50)
  expect(() => tickets.issue('one too many', 'a')).toThrow(expect.objectContaining({ code: 'LIMIT' }))
  expect(tickets.wait('b')).toBe(0)
  expect(tickets.redeem(first)).toBe('0')
  expect(tickets.wait('a')).toBe(0)
  tickets.issue('fits', 'a')
  pass(50)
  expect(tickets.waiting()).toBe(250)
  pass(10)
  expect(tickets.waiting()).toBe(0)
})

test('a thousand may wait; then who has the most gives its eldest up for who has fewer', () => {
  const { tickets } = ticketsAt()
  const eldest = tickets.issue('eldest', 'a')
  for (const peer of ['a', 'b', 'c', 'd'])
    for (let own = peer === 'a' ? 1 : 0; own < 250; own++) tickets.issue('x', peer)
  expect(tickets.waiting()).toBe(1_000)
  const late = tickets.issue('late', 'e')
  expect(tickets.waiting()).toBe(1_000)
  expect(tickets.redeem(eldest)).toBeUndefined()
  expect(tickets.redeem(late)).toBe('late')
})

test('where all have the same, nobody gives up any', () => {
  const { tickets } = ticketsAt()
  for (let peer = 0; peer < 1_000; peer++) tickets.issue('x', String(peer))
  expect(tickets.wait('new')).toBe(60)
  expect(() => tickets.issue('x', 'new')).toThrow(expect.objectContaining({ code: 'LIMIT' }))
})
