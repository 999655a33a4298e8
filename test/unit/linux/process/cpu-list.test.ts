import { expect, test } from 'vitest'
import { parseRanges } from '../../../../src/linux/process/cpu-list.ts'

test('lists of CPUs', () =>
  expect(parseRanges('0-3,6\n')).toEqual([
    [0, 3],
    [6, 6],
  ]))
