import { expect, test } from 'vitest'
import { printable } from '../../../src/base/write.ts'

test('a name cannot steer the terminal', () => {
  expect(printable('a\x1b]0;evil\x07\u202eb\n')).toBe('a\uFFFD]0;evil\uFFFD\uFFFDb\uFFFD')
})
