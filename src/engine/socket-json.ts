/**
 * JSON over HTTP over a unix socket, as Docker and Podman speak it: GET only, bounded in size, ended by a signal. One
 * document, or a stream of them, one a line.
 */
import { request } from 'node:http'
import { unreachable } from './unreachable.ts'

/** Bytes of a document. */
const maximumBody = 64 * 1024 * 1024

/**
 * Fetches a JSON document.
 * @returns undefined for status 404
 * @throws RemoraError FORBIDDEN when the socket may not be used, PEER_FAILED for anything else that is no answer
 */
export function getJson(socketPath: string, path: string, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path, signal, agent: false, headers: { host: 'localhost' } }, response => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maximumBody) outgoing.destroy(new Error('the answer is too large'))
        else chunks.push(chunk)
      })
      response.once('error', error => reject(unreachable(socketPath, error)))
      response.once('end', () => {
        try {
          resolve(parseAnswer(response.statusCode ?? 0, Buffer.concat(chunks).toString()))
        } catch (error) {
          reject(unreachable(socketPath, error as Error))
        }
      })
    })
    outgoing.once('error', error => reject(signal.aborted ? signal.reason : unreachable(socketPath, error)))
    outgoing.end()
  })
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
    const fail = (error: Error) => (signal.aborted ? resolve() : reject(unreachable(socketPath, error)))
    const outgoing = request({ socketPath, path, signal, agent: false, headers: { host: 'localhost' } }, response => {
      let rest = ''
      response.setEncoding('utf8')
      if (response.statusCode === 200) onReady()
      else outgoing.destroy(new Error(`status ${response.statusCode}`))
      response.on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        try {
          if (rest.length > maximumLine) throw new Error('a line of the stream is too long')
          for (const line of lines) if (line.trim() !== '') onDocument(JSON.parse(line))
        } catch (error) {
          outgoing.destroy(error as Error)
        }
      })
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
