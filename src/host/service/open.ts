/** A capture of a service as a stream that a merge takes. */
import { Readable } from 'node:stream'
import type { RunContext } from '../../capture/capture.ts'
import type { PacketStream } from '../../capture/merged/streams.ts'
import { hostOf } from '../../remote/service.ts'
import type { ServiceCapture } from './prepare.ts'
import { conclude } from './run.ts'
import { openServiceStream } from './stream.ts'

/** Bytes that may wait for the merge. */
const maxWaitingBytes = 1024 * 1024

/**
 * Starts a capture that was asked for.
 * @throws RemoraError when the service cannot be reached; the reason of the signal when that aborts
 */
export async function open(capture: ServiceCapture, context: RunContext, signal: AbortSignal): Promise<PacketStream> {
  const packets = queue()
  const armed = Promise.withResolvers<boolean>()
  const listener = {
    take: packets.take,
    breakOff: () => void packets.stream.destroy(),
    onPending: context.onPending,
    onArmed: () => armed.resolve(true),
    onSilence: context.onSilence,
  }
  const stream = await openServiceStream(capture, listener, { signal, log: context.log })
  const report = stream.ended.then(result => {
    armed.resolve(false)
    packets.stream.push(null)
    return conclude(capture, result)
  })
  report.catch(() => {})
  return {
    host: hostOf(capture.service) || 'service',
    input: { stream: packets.stream },
    ready: armed.promise,
    report,
    stop: () => stream.ask('stopped'),
    kill: () => stream.kill(),
  }
}

/** Bytes on their way from a connection to whoever reads them. */
function queue(): { readonly stream: Readable; take(bytes: Buffer): Promise<boolean> } {
  let waiting = Promise.withResolvers<void>()
  const stream = new Readable({ highWaterMark: maxWaitingBytes, read: () => waiting.resolve() })
  stream.on('error', () => {})
  stream.once('close', () => waiting.resolve())
  return {
    stream,
    async take(bytes) {
      if (stream.destroyed) return false
      waiting = Promise.withResolvers()
      // The bytes are used again when this settles.
      if (!stream.push(Buffer.from(bytes))) await waiting.promise
      return !stream.destroyed
    },
  }
}
