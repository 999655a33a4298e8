/** A failure as an HTTP answer: the status of the registry, and a body for programs and people. */
import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ErrorCode, errorKinds, type RemoraError } from '../../base/errors.ts'
import type { ErrorJson } from '../../protocol/v1/error.ts'
import type { Refusals } from './refusals.ts'

/** The body every failure has. */
export function errorBody({ code, message, hint }: RemoraError): ErrorJson {
  return { error: { code, message, ...(hint !== undefined && { hint }) } }
}

/** Codes of those who were turned away by what they are or how much they want, not by what they ask for. */
const turnedAway: readonly ErrorCode[] = ['UNAUTHORIZED', 'FORBIDDEN', 'LIMIT']

/** Tells the log of a failure that turned a client away. */
export function noteRefusal({ refusals }: { readonly refusals: Refusals }, peer: string, { code }: RemoraError): void {
  if (turnedAway.includes(code)) refusals.note(peer, code)
}

/** Headers that belong to a failure. */
export function errorHeaders({ code }: RemoraError, retryAfter = 1): Record<string, string> {
  return {
    ...(code === 'UNAUTHORIZED' && { 'www-authenticate': 'Bearer realm="remora"' }),
    ...(code === 'LIMIT' && { 'retry-after': String(Math.max(1, retryAfter)) }),
  }
}

/** Answers a request. */
export function writeError(response: ServerResponse, error: RemoraError): void {
  response.writeHead(errorKinds[error.code].http, { 'content-type': 'application/json', ...errorHeaders(error) })
  response.end(JSON.stringify(errorBody(error)))
}

/** Answers a WebSocket handshake before it is one, on the bare connection. */
export function refuseHandshake(socket: Duplex, error: RemoraError): void {
  const status = errorKinds[error.code].http
  const body = JSON.stringify(errorBody(error))
  const headers = {
    connection: 'close',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...errorHeaders(error),
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  if (socket.writable) socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
  socket.once('finish', () => socket.destroy())
}
