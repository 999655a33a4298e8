import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RemoraError } from '../../../src/base/errors.ts'
import { closeOf, faultyClose, shorten } from '../../../src/packetflix/close.ts'
import { closePayload, frame, opcodes } from '../../helpers/websocket.ts'

const any = fc.string({ unit: 'binary', maxLength: 400 })

test('a hint is told where there is room for it', () => {
  const close = (hint: string) => closeOf(new RemoraError('USAGE', 'wrong', { hint })).reason
  expect(close('Do it right.')).toBe('USAGE: wrong (Do it right.)')
  expect(close('x'.repeat(120))).toBe('USAGE: wrong')
})

test('the reason behind a code that must not be sent is found', () => {
  fc.assert(
    fc.property(fc.constantFrom(1005, 1006, 1015), any, fc.uint8Array({ maxLength: 200 }), (code, text, before) => {
      const bytes = Buffer.alloc(2)
      bytes.writeUInt16BE(code)
      const payload = Buffer.concat([bytes, Buffer.from(shorten(text))])
      const tail = Buffer.concat([before.map(byte => (byte === 0x88 ? 0 : byte)), frame(opcodes.close, payload, false)])
      expect(faultyClose(tail)).toEqual({ code, reason: shorten(text) })
    }),
    { numRuns: 2_000 },
  )
  for (const bytes of [Buffer.alloc(0), frame(opcodes.close, closePayload(1000, 'ciao'), false)]) {
    expect(faultyClose(bytes)).toBeUndefined()
  }
})
