/** Close frames: every failure fits into one that may be sent, and what a faulty one says is found. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type ErrorCode, errorKinds, RemoraError } from '../../src/base/errors.ts'
import { closeFrameLimit, closeOf, faultyClose, shorten } from '../../src/packetflix/close.ts'
import { closedFailure } from '../../src/remote/failure.ts'
import { closePayload, frame, opcodes, readClose } from '../helpers/websocket.ts'
import { type FuzzTarget, target } from './target.ts'
import { anyText } from './text.ts'

const long = fc.oneof(anyText, fc.string({ unit: 'binary', minLength: 30, maxLength: 200 }))

const reasons = target('reasons', 60_000, long, text => {
  const reason = shorten(text)
  const whole = text.toWellFormed()
  assert.ok(Buffer.byteLength(reason) <= 123)
  assert.equal(shorten(reason), reason)
  if (Buffer.byteLength(whole) <= 123) return assert.equal(reason, whole)
  assert.ok(reason.endsWith('…') && whole.startsWith(reason.slice(0, -1)))
  assert.ok(Buffer.byteLength(reason) > 123 - 4)
})

const codes = Object.keys(errorKinds) as ErrorCode[]
const failure = fc.tuple(fc.constantFrom(...codes), long, fc.option(anyText, { nil: undefined }))

const frames = target('close frames of failures', 40_000, failure, ([code, message, hint]) => {
  const close = closeOf(new RemoraError(code, message, { hint }))
  assert.deepEqual(readClose(closePayload(close.code, close.reason)), close)
  assert.ok([1008, 1011, 1013].includes(close.code))
  assert.ok(close.reason.startsWith(`${code}: `))
  // The other side knows the failure by it.
  assert.equal(closedFailure({ base: 'http://server' }, close.code, close.reason).code, code)
})

const tail = fc.record({
  code: fc.oneof(fc.constantFrom(1005, 1006, 1015), fc.integer({ min: 0, max: 65_535 })),
  reason: long.map(shorten),
  before: fc.uint8Array({ maxLength: 160 }),
  after: fc.constantFrom(0, 0, 0, 1, 2),
})

const faulty = target('faulty close frames', 50_000, tail, ({ code, reason, before, after }) => {
  const close = frame(opcodes.close, closePayload(code === 1005 ? 1006 : code, reason), false)
  const noise = before.map(byte => (byte === 0x88 ? 0 : byte))
  const found = faultyClose(Buffer.concat([noise, close, Buffer.alloc(after)]).subarray(-closeFrameLimit))
  const told = code === 1005 ? 1006 : code
  if (after === 0 && [1005, 1006, 1015].includes(told)) assert.deepEqual(found, { code: told, reason })
  else if (after === 0 && !reason.includes('\ufffd')) assert.equal(found, undefined)
})

const garbage = target('ends of connections', 40_000, fc.uint8Array({ maxLength: 200 }), bytes => {
  const found = faultyClose(bytes)
  if (found === undefined) return
  assert.ok([1005, 1006, 1015].includes(found.code))
  assert.ok(found.reason.length <= 123)
})

export const closeTargets: readonly FuzzTarget[] = [reasons, frames, faulty, garbage]
