import { expect, test } from 'vitest'
import { isLoopback } from '../../../src/base/loopback.ts'

test.each([
  ['localhost', true],
  ['[::1]', true],
  ['::1', true],
  ['LOCALHOST', true],
  ['127.255.0.1', true],
  ['a.localhost', true],
  ['localhost.example', false],
  ['127.0.0.1.example', false],
  ['notlocalhost', false],
  ['::ffff:127.0.0.1', true],
  ['[::ffff:7f00:1]', true],
  ['::1%lo', true],
  ['127.999.1.1', false],
  ['127.1', false],
  ['[127.0.0.1]', false],
  ['128.0.0.1', false],
  ['', false],
])('%s is this machine by definition: %s', (host, is) => {
  expect(isLoopback(host)).toBe(is)
})
