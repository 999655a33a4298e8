import { expect, test } from 'vitest'
import { RemoraError } from '../../../../src/base/errors.ts'
import { closeOf } from '../../../../src/protocol/packetflix/close.ts'

test('a hint is told where there is room for it', () => {
  const close = (hint: string) => closeOf(new RemoraError('USAGE', 'wrong', { hint })).reason
  expect(close('Do it right.')).toBe('USAGE: wrong (Do it right.)')
  expect(close('x'.repeat(120))).toBe('USAGE: wrong')
})
