/**
 * A capture as the body of an answer, for browsers and curl. The status waits for the first packets, or for the failure.
 */
import type { ServerResponse } from 'node:http'
import type { RemoraError } from '../../base/errors.ts'
import { guarded, setTimeout } from '../../base/timers.ts'
import { writeError } from '../auth/error-answer.ts'
import { type Channel, pump, type Send } from './channel.ts'

/** Milliseconds a client has to take the end of the body. */
const closeTime = 2_000

/**
 * The channel of an answer.
 * @param name of the file, without its ending
 */
export function downloadChannel(response: ServerResponse, name: string): Channel {
  const gone = new AbortController()
  response.on(
    'close',
    guarded(() => {
      if (!response.writableFinished) gone.abort()
    }),
  )
  response.on('error', () => gone.abort())
  const begin = () => {
    if (response.headersSent) return
    response.writeHead(200, {
      'content-type': 'application/vnd.tcpdump.pcap',
      'content-disposition': `attachment; filename="${name.replace(/[^\w.-]+/g, '_')}.pcapng"`,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
  }
  return {
    take(source, onSent) {
      const send: Send = ({ buffer, start, end }, done) => {
        begin()
        response.write(buffer.subarray(start, end), done)
      }
      return pump(source, send, onSent, gone.signal)
    },
    note() {},
    async end() {
      if (gone.signal.aborted) return
      begin()
      // Over when the kernel has all of it: a service that ends hangs up behind its last capture.
      const limit = setTimeout(() => response.destroy(), closeTime)
      await new Promise<void>(resolve => response.once('close', resolve).end(resolve))
      clearTimeout(limit)
    },
    async fail(error: RemoraError) {
      // A body that is cut short is the only sign left once it has begun.
      if (response.headersSent) response.destroy()
      else writeError(response, error)
    },
  }
}
