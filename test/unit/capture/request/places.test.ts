/** Places for interfaces: one capture has so many, and all captures of a service have so many together. */
import { expect, test } from 'vitest'
import { capturePlaces, servicePlaces } from '../../../../src/capture/request/places.ts'

const limit = (message: string) =>
  expect.objectContaining({ code: 'LIMIT', message: expect.stringContaining(message), hint: expect.anything() })

test('a capture has 256, and what was asked, the bound and the ways to stay within it are told', () => {
  const places = capturePlaces()
  places.take(200, 'the first')
  expect(() => places.take(57, '57 interfaces of 20 targets')).toThrow(
    limit('57 interfaces of 20 targets are too many for one capture: at most 256 interfaces are captured one by one'),
  )
  expect(places.free()).toBe(56)
  places.take(56, 'the rest')
  expect(places.free()).toBe(0)
})

test('captures of a service share its places, and give back what they have', () => {
  const service = servicePlaces(10)
  const [first, second] = [capturePlaces(service), capturePlaces(service)]
  first.take(7, 'a')
  expect(second.free()).toBe(3)
  expect(() => second.take(4, '4 interfaces of db')).toThrow(
    limit('4 interfaces of db are too many now: the service captures at most 10 interfaces one by one, and 7 already'),
  )
  second.take(3, 'b')
  first.giveBack(1)
  expect(second.free()).toBe(1)
  first.close()
  first.close()
  expect(service.free()).toBe(7)
})
