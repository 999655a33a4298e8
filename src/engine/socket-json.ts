/**
 * JSON over HTTP over a unix socket, as Docker and Podman speak it: GET only, bounded in size, ended by a signal. One
 * document, or a stream of them, one a line.
 */

import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { guarded } from '../base/timers.ts'
import { connectTo } from './connect.ts'
import { readList } from './json-list.ts'
import { unreachable } from './unreachable.ts'

/** Bytes of a document, which is parsed in one step. */
const maximumDocument = 4 * 1024 * 1024

/**
 * Fetches a JSON document.
 * @returns undefined for status 404
 * @throws RemoraError FORBIDDEN when the socket may not be used, PEER_FAILED for anything else that is no answer; the reason of
 *   the signal when that aborts
 */
export function getJson(socketPath: string, path: string, signal: AbortSignal): Promise<unknown> {
  return fetchAnswer(socketPath, path, signal, ({ statusCode = 0 }) => {
    const chunks: Buffer[] = []
    return {
      most: maximumDocument,
      take: chunk => void chunks.push(chunk),
      end: () => parseAnswer(statusCode, Buffer.concat(chunks).toString()),
    }
  })
}

/**
 * Fetches a header of an answer, whatever its body says; empty when there is none.
 * @throws RemoraError as {@link getJson} does
 */
export function getHeader(socketPath: string, path: string, name: string, signal: AbortSignal): Promise<string> {
  return fetchAnswer(socketPath, path, signal, ({ headers }) => ({
    most: maximumDocument,
    take: () => {},
    end: () => String(headers[name] ?? ''),
  }))
}

/** Bytes of a list, which is parsed as it comes. */
const maximumList = 32 * 1024 * 1024

/** Elements of a list: no engine runs more containers, and whoever names a process like one may tell of any number. */
export const mostElements = 4_000

/**
 * Fetches a JSON list of objects; none for status 404.
 * @throws RemoraError as {@link getJson} does, also for a list that is longer than {@link mostElements}
 */
export function getJsonList(
  socketPath: string,
  path: string,
  signal: AbortSignal,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return fetchAnswer(socketPath, path, signal, ({ statusCode = 0 }) => {
    const elements: Readonly<Record<string, unknown>>[] = []
    const list = readList(element => {
      if (elements.length === mostElements) throw new Error(`it tells of more than ${mostElements} containers`)
      elements.push(element as Readonly<Record<string, unknown>>)
    })
    const said: Buffer[] = []
    return {
      most: statusCode === 200 ? maximumList : maximumDocument,
      take: chunk => (statusCode === 200 ? list.take(chunk) : void said.push(chunk)),
      end() {
        if (statusCode === 200) list.end()
        else parseAnswer(statusCode, Buffer.concat(said).toString())
        return elements
      },
    }
  })
}

/** What becomes of the body of an answer. */
interface Body<T> {
  /** Bytes it may have. */
  readonly most: number
  take(chunk: Buffer): void
  end(): T
}

/** Sends a request and reads its answer; a signal that has aborted opens no connection. */
function fetchAnswer<T>(
  socketPath: string,
  path: string,
  signal: AbortSignal,
  begin: (response: IncomingMessage) => Body<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const outgoing = request({ ...through(socketPath), path, signal }, response => {
      const fail = (error: unknown) => {
        reject(unreachable(socketPath, error as Error))
        outgoing.destroy()
      }
      const body = begin(response)
      let size = 0
      response.on(
        'data',
        guarded((chunk: Buffer) => {
          size += chunk.length
          try {
            if (size > body.most) throw new Error('the answer is too large')
            body.take(chunk)
          } catch (error) {
            fail(error)
          }
        }),
      )
      response.once('error', error => reject(signal.aborted ? signal.reason : unreachable(socketPath, error)))
      response.once(
        'end',
        guarded(() => {
          try {
            resolve(body.end())
          } catch (error) {
            fail(error)
          }
        }),
      )
    })
    outgoing.once('error', error => reject(signal.aborted ? signal.reason : unreachable(socketPath, error)))
    outgoing.end()
  })
}

/** A connection of its own for a request. */
function through(socketPath: string): RequestOptions {
  return { createConnection: () => connectTo(socketPath), headers: { host: 'localhost' } }
}

/** Characters of a document in a stream. */
const maximumLine = 1024 * 1024

/**
 * Reads a stream of JSON documents, one a line, until the signal aborts.
 * @param onReady called when the answer begins
 * @throws RemoraError FORBIDDEN when the socket may not be used, PEER_FAILED when the stream cannot be had, or ends
 */
export function streamJson(
  socketPath: string,
  path: string,
  { onReady, onDocument }: { onReady: () => void; onDocument: (document: unknown) => void },
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return resolve()
    const fail = (error: Error) => (signal.aborted ? resolve() : reject(unreachable(socketPath, error)))
    const outgoing = request({ ...through(socketPath), path, signal }, response => {
      let rest = ''
      response.setEncoding('utf8')
      if (response.statusCode === 200) onReady()
      else outgoing.destroy(new Error(`status ${response.statusCode}`))
      response.on(
        'data',
        guarded((text: string) => {
          const lines = (rest + text).split('\n')
          rest = lines.pop() ?? ''
          try {
            if (rest.length > maximumLine) throw new Error('a line of the stream is too long')
            for (const line of lines) if (line.trim() !== '') onDocument(JSON.parse(line))
          } catch (error) {
            outgoing.destroy(error as Error)
          }
        }),
      )
      response.once('error', fail)
      response.once('end', () => fail(new Error('the engine ended the stream')))
    })
    outgoing.once('error', fail)
    outgoing.end()
  })
}

function parseAnswer(status: number, body: string): unknown {
  if (status === 404) return undefined
  if (status !== 200) throw new Error(`status ${status}: ${body.slice(0, 200).trim()}`)
  return JSON.parse(body)
}
