/** Close frames: every failure fits into one that may be sent, and what a faulty one says is found. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type ErrorCode, errorKinds, RemoraError } from '../../src/base/errors.ts'
import { type CloseReason, closeOf, shorten } from '../../src/protocol/packetflix/close.ts'
import { closedFailure } from '../../src/remote/failure.ts'
import { frameReader } from '../../src/remote/frames.ts'
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

const closing = fc.record({
  code: fc.oneof(fc.constantFrom(1005, 1006, 1015), fc.integer({ min: 0, max: 65_535 })),
  reason: long.map(shorten),
  cut: fc.integer({ min: 1, max: 140 }),
})

const received = target('close frames of services', 50_000, closing, ({ code, reason, cut }) => {
  const told = code === 1005 ? 1006 : code
  const bytes = frame(opcodes.close, closePayload(told, reason), false)
  const found: CloseReason[] = []
  const reader = frameReader({ text() {}, ping() {}, pong() {}, close: close => found.push(close) })
  for (let at = 0; at < bytes.length; at += cut) {
    const piece = Buffer.from(bytes.subarray(at, at + cut))
    assert.equal(reader.read(piece, piece.length).length, 0)
  }
  if (found.length > 0) assert.deepEqual(found, [{ code: told, reason }])
  else assert.ok(reader.fault !== undefined && ![1005, 1006, 1015].includes(told))
})

const garbage = target('garbage of services', 40_000, fc.uint8Array({ maxLength: 200 }), content => {
  const bytes = Buffer.from(content)
  const reader = frameReader({ text() {}, ping() {}, pong() {}, close() {} })
  assert.ok(reader.read(bytes, bytes.length).length <= bytes.length)
})

export const closeTargets: readonly FuzzTarget[] = [reasons, frames, received, garbage]
