import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ErrorCode, errorKinds, RemoraError } from '../../../src/base/errors.ts'
import { closeOf, faultyClose, shorten } from '../../../src/packetflix/close.ts'
import { closePayload, frame, opcodes, readClose } from '../../helpers/websocket.ts'

const any = fc.string({ unit: 'binary', maxLength: 400 })

test('a reason is cut to what fits, never through a character', () => {
  fc.assert(
    fc.property(any, text => {
      const reason = shorten(text)
      expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123)
      expect(reason.isWellFormed()).toBe(true)
      expect(reason).not.toContain(text.includes('\ufffd') || !text.isWellFormed() ? '\0\0\0\0' : '\ufffd')
      const whole = text.toWellFormed()
      if (Buffer.byteLength(whole) <= 123) expect(reason).toBe(whole)
      else {
        expect(reason.endsWith('…')).toBe(true)
        expect(whole.startsWith(reason.slice(0, -1))).toBe(true)
        expect(Buffer.byteLength(reason)).toBeGreaterThan(123 - 4)
      }
    }),
    { numRuns: 20_000 },
  )
})

test('every failure has a close frame that libraries take', () => {
  const codes = Object.keys(errorKinds) as ErrorCode[]
  fc.assert(
    fc.property(fc.constantFrom(...codes), any, fc.option(any, { nil: undefined }), (code, message, hint) => {
      const close = closeOf(new RemoraError(code, message, { hint }))
      const read = readClose(closePayload(close.code, close.reason))
      expect(read).toEqual(close)
      expect([1008, 1011, 1013]).toContain(close.code)
      expect(close.reason.startsWith(`${code}: `)).toBe(true)
    }),
    { numRuns: 5_000 },
  )
})

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
