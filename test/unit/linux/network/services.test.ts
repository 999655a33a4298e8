import { expect, test } from 'vitest'
import { parseServices } from '../../../../src/linux/network/services.ts'

test('services', () => {
  expect(Object.fromEntries(parseServices('# x\nhttp\t80/tcp www\nother 80/tcp\ndomain 53/udp'))).toEqual({
    '80/tcp': 'http',
    '53/udp': 'domain',
  })
})
