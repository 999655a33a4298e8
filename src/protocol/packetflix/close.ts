/**
 * How a capture over a WebSocket ends: a close frame with a code that may be sent (RFC 6455 §7.4) and a reason of at most
 * 123 bytes (§5.5.1). Stock Packetflix sends 1006, which no library takes; its reason is worth to be read all the same.
 */
import { errorKinds, type RemoraError } from '../../base/errors.ts'

/** What a close frame carries. */
export interface CloseReason {
  readonly code: number
  readonly reason: string
}

/** Bytes. */
const longestReason = 123

/** The close frame that tells of a failure. */
export function closeOf({ code, message, hint }: RemoraError): CloseReason {
  const text = `${code}: ${message}`
  const whole = hint === undefined ? text : `${text} (${hint})`
  return {
    code: errorKinds[code].close,
    reason: shorten(Buffer.byteLength(whole) <= longestReason ? whole : text),
  }
}

/** Cuts a reason to the 123 bytes that fit, never through a character. */
export function shorten(text: string): string {
  const bytes = Buffer.from(text.toWellFormed())
  if (bytes.length <= longestReason) return bytes.toString()
  const ellipsis = '…'
  let end = longestReason - Buffer.byteLength(ellipsis)
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end).toString() + ellipsis
}

/** Codes no endpoint may send: they stand for what was not said (RFC 6455 §7.4.1). */
export const faultCodes: ReadonlySet<number> = new Set([1005, 1006, 1015])
