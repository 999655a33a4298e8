import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLog } from '../../../src/base/log.ts'
import { scratch } from '../../helpers/scratch.ts'

test('a line of the log is one line, whatever a target is called', () => {
  const file = join(scratch(), 'log')
  openLog(file).info('named:web\n2026-01-01T00:00:00.000Z 1 error forged\x1b[2J\u009b1m')
  expect(readFileSync(file, 'utf8')).toMatch(/^\S+Z \d+ info named:web\P{Cc}*forged\P{Cc}*\n$/u)
})
