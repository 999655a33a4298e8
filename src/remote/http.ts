/** One question to a service, one answer: bounded in time and size. */
import { type IncomingMessage, request as plainRequest } from 'node:http'
import { abortAfter } from '../base/abort.ts'
import { setTimeout } from '../base/timers.ts'
import { connectionOptions } from './connection.ts'
import { connectionFailure, silentService } from './failure.ts'
import { authorization, type RemoteService } from './service.ts'

/** An answer, whatever its status. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/** Bytes of an answer. */
const maximumBody = 64 * 1024 * 1024
/** Milliseconds for the whole answer: the service may look at every namespace of its host for it. */
const timeout = 30_000
/** Milliseconds without a sign of life of a service that sends one every 15 s. */
const longestSilence = 40_000

/**
 * Asks a service.
 * @param path below the base, with the query
 * @param body is sent as JSON
 * @throws RemoraError PEER_FAILED or FORBIDDEN when there is no answer in time; else the reason of the signal when that aborts
 */
export async function ask(
  service: RemoteService,
  method: 'GET' | 'POST',
  path: string,
  { body, signal }: { readonly body?: unknown; readonly signal: AbortSignal },
): Promise<Answer> {
  const limit = AbortSignal.any([signal, abortAfter(timeout)])
  try {
    const response = await send(service, method, path, body, limit)
    return { status: response.statusCode ?? 0, body: await readBody(response) }
  } catch (error) {
    if (limit.aborted && (limit.reason as Error | undefined)?.name === 'TimeoutError') {
      throw silentService(service, 'did not answer in time', error)
    }
    signal.throwIfAborted()
    throw connectionFailure(service, error)
  }
}

/**
 * Reads an event stream (WHATWG HTML §9.2) piece by piece, until the signal aborts, the service ends it or falls silent.
 * @returns the status when it is no such stream
 * @throws RemoraError as {@link ask} does
 */
export async function follow(
  service: RemoteService,
  path: string,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<number | undefined> {
  const silent = new AbortController()
  const timer = setTimeout(() => silent.abort(), longestSilence)
  try {
    const response = await send(service, 'GET', path, undefined, AbortSignal.any([signal, silent.signal]))
    if (response.statusCode !== 200 || !response.headers['content-type']?.startsWith('text/event-stream')) {
      response.destroy()
      return response.statusCode ?? 0
    }
    response.setEncoding('utf8')
    for await (const text of response) {
      timer.refresh()
      onText(String(text))
    }
    return undefined
  } catch (error) {
    if (signal.aborted) return undefined
    if (!silent.signal.aborted) throw connectionFailure(service, error)
    throw silentService(service, `has given no sign of life for ${longestSilence / 1000} s`)
  } finally {
    clearTimeout(timer)
  }
}

async function send(
  service: RemoteService,
  method: string,
  path: string,
  body: unknown,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const options = await connectionOptions(service)
  const url = new URL(`${options.socketPath === undefined ? service.base : 'http://localhost'}${path}`)
  const content = body === undefined ? undefined : JSON.stringify(body)
  const headers = {
    accept: 'application/json',
    ...authorization(service),
    ...(content !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }),
  }
  const request = url.protocol === 'https:' ? (await import('node:https')).request : plainRequest
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent: false, ...options, method, headers, signal }, resolve)
    outgoing.once('error', reject)
    outgoing.end(content)
  })
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maximumBody) throw new Error('the answer is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
