/**
 * One call of gRPC on a connection of HTTP/2 (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md): a stream that carries messages, each
 * behind a prefix, and ends with a status.
 */

import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2'
import { guarded } from '../base/timers.ts'

/** What a call sends, and what becomes of its answers. */
export interface Exchange {
  /** Path of the method. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** The one message that is sent. */
  readonly message: Buffer
  /** Ends the call. */
  readonly signal: AbortSignal
  /** Called for each message of the peer; a failure of it ends the call. */
  onMessage(message: Buffer): void
}

/** The failure of a call that the peer answered with a status other than OK. */
export class StatusError extends Error {
  readonly status: number

  constructor(status: number, said: string) {
    super(`status ${status} of gRPC: ${said}`)
    this.status = status
  }
}

/**
 * Makes a call.
 * @returns when the peer has ended it with the status OK
 * @throws StatusError, the failure of the connection, or what `onMessage` throws
 */
export function exchange(session: ClientHttp2Session, { path, headers, message, signal, onMessage }: Exchange) {
  return new Promise<void>((resolve, reject) => {
    const fixed = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' }
    const stream = session.request({ ...headers, ...fixed }, { signal })
    const read = messageReader(one => {
      if (!stream.destroyed) onMessage(one)
    })
    const end: IncomingHttpHeaders = {}
    // A call that fails at once has its status in its first headers.
    stream.on('response', first => Object.assign(end, first))
    stream.on('trailers', last => Object.assign(end, last))
    stream.on(
      'data',
      guarded((chunk: Buffer) => {
        try {
          read(chunk)
        } catch (error) {
          stream.destroy(error as Error)
        }
      }),
    )
    stream.on('error', reject)
    stream.once(
      'close',
      guarded(() => {
        const failure = failureOf(end)
        if (failure === undefined) resolve()
        else reject(failure)
      }),
    )
    stream.end(frame(message))
  })
}

function failureOf(end: IncomingHttpHeaders & { readonly ':status'?: number }): Error | undefined {
  const { ':status': answered = 200, 'grpc-status': status, 'grpc-message': said } = end
  if (status === '0') return undefined
  if (typeof status === 'string' && /^\d{1,2}$/.test(status)) return new StatusError(Number(status), wordsOf(said))
  return new Error(answered === 200 ? 'it hung up before it had answered' : `status ${answered} of HTTP`)
}

/** Characters of a status message that are told: they are those of the peer. */
const maximumWords = 500

/** A status message comes percent-encoded. */
function wordsOf(said: string | string[] = ''): string {
  const encoded = String(said)
  try {
    return decodeURIComponent(encoded).slice(0, maximumWords)
  } catch {
    return encoded.slice(0, maximumWords)
  }
}

/** Bytes before a message: whether it is compressed, which no call of ours allows, and its length. */
const prefixSize = 5

/** Bytes of a message. */
const maximumMessage = 16 * 1024 * 1024

function frame(message: Buffer): Buffer {
  const prefix = Buffer.alloc(prefixSize)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/**
 * Takes messages out of a stream, however that is cut.
 * @returns takes the next bytes; throws when they begin a message that is too large or compressed
 */
export function messageReader(onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let held: Buffer[] = []
  let size = 0
  let needed = prefixSize
  return chunk => {
    held.push(chunk)
    size += chunk.length
    if (size < needed) return
    let rest = Buffer.concat(held)
    for (;;) {
      needed = rest.length < prefixSize ? prefixSize : prefixSize + lengthOf(rest)
      if (rest.length < needed) break
      onMessage(rest.subarray(prefixSize, needed))
      rest = rest.subarray(needed)
    }
    held = [rest]
    size = rest.length
  }
}

function lengthOf(prefix: Buffer): number {
  const length = prefix.readUInt32BE(1)
  if (prefix[0] !== 0) throw new Error('its answer is compressed')
  if (length > maximumMessage) throw new Error(`its answer has ${length} bytes, more than ${maximumMessage}`)
  return length
}
