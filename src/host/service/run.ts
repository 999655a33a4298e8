/**
 * A capture that a service elsewhere makes, into an output, up to the report: what comes over the WebSocket goes into the
 * output, and nothing of it is looked at but the number of packets and its beginning, which tells of the target in the end.
 */

import { fstatSync } from 'node:fs'
import { RemoraError } from '../../base/errors.ts'
import { silentLog } from '../../base/log.ts'
import { setInterval } from '../../base/timers.ts'
import type { RunContext } from '../../capture/capture.ts'
import { interestCheck, watchInterval } from '../../capture/output/liveness.ts'
import type { Output } from '../../capture/output/output.ts'
import { type OutputWriter, openWriter } from '../../capture/output/writer.ts'
import type { CaptureReport } from '../../capture/request/report.ts'
import { closedFailure } from '../../remote/failure.ts'
import { describeService } from '../../remote/service.ts'
import { describeStream } from './describe-stream.ts'
import type { ServiceCapture } from './prepare.ts'
import { openServiceStream, type ServiceStream, type StreamResult } from './stream.ts'

/** Runs a capture that was asked for into an output, and ends the output as the capture ended. */
export async function run(capture: ServiceCapture, output: Output, context: RunContext): Promise<CaptureReport> {
  const { log = silentLog } = context
  const into = openInto(capture, output)
  let isWhole: boolean
  let report: CaptureReport
  try {
    const result = await follow(capture, into, output.fd, context)
    report = conclude(capture, result)
    // A Packetflix service that is asked to end does so in the middle of whatever it was sending.
    isWhole = report.complete && result.told !== undefined
    await into.settle(context.lifetime.kill)
  } catch (error) {
    into.close()
    if (into.hasBytes()) output.finish(false)
    else output.discard()
    throw error
  }
  log.info(`the capture ended: ${JSON.stringify(report)}`)
  into.close()
  output.finish(isWhole)
  return report
}

/** The output of a capture, and what is made of the stream on its way. */
interface Into extends OutputWriter {
  hasBytes(): boolean
  /** Writes what is held back. */
  flush(): Promise<void>
  /** Called when what was written does not reach the disk. */
  onFailure: () => void
  /** What could not be written, whatever the service says of it. */
  failure(): unknown
}

function openInto({ undescribed }: ServiceCapture, { fd }: Output): Into {
  const editor = undescribed && describeStream(undescribed, fstatSync(fd).isFile())
  let failure: unknown
  let hasBytes = false
  const writer = openWriter(fd, error => {
    failure ??= error
    into.onFailure()
  })
  const into: Into = {
    ...writer,
    async write(bytes) {
      hasBytes ||= bytes.length > 0
      try {
        return await writer.write(editor === undefined ? bytes : editor.push(bytes))
      } catch (error) {
        failure ??= error
        throw error
      }
    },
    hasBytes: () => hasBytes,
    async flush() {
      if (editor !== undefined) await writer.write(editor.rest())
    },
    onFailure() {},
    failure: () => failure,
  }
  return into
}

/**
 * Follows the capture to its end, and hands on who does not want it any more.
 * @throws what could not be written
 */
async function follow(capture: ServiceCapture, into: Into, output: number, context: RunContext): Promise<StreamResult> {
  const { lifetime, log, onArmed, onPending, onSilence } = context
  const listener = { take: into.write, breakOff: into.close, onArmed, onPending, onSilence }
  const stream = await openServiceStream(capture, listener, { signal: lifetime.stop, log })
  into.onFailure = () => stream.ask('reader-gone')
  const release = watchWishes(stream, output, context)
  try {
    const result = await stream.ended
    if (lifetime.kill.aborted) return result
    await into.flush()
    if (into.failure() !== undefined) throw into.failure()
    return result
  } finally {
    release()
  }
}

/** Hands on the wishes of whoever asked for the capture, and tells of its progress. @returns ends that */
function watchWishes(stream: ServiceStream, output: number, context: RunContext): () => void {
  const { lifetime, parent, onProgress } = context
  const released = new AbortController()
  const { signal } = released
  lifetime.stop.addEventListener('abort', () => stream.ask('stopped'), { signal })
  lifetime.kill.addEventListener('abort', () => stream.kill(), { signal })
  if (lifetime.stop.aborted) stream.ask('stopped')
  if (lifetime.kill.aborted) stream.kill()
  const lost = interestCheck(output, parent)
  let ticks = 0
  const timer = setInterval(() => {
    const gone = lost()
    if (gone !== undefined) return stream.ask(gone)
    const progress = stream.progress()
    if (progress !== undefined && ticks++ % 2 === 0) onProgress?.(progress)
  }, watchInterval)
  return () => {
    released.abort()
    clearInterval(timer)
  }
}

/**
 * From the end of the connection to the end of the capture.
 * @throws RemoraError for one that broke
 */
export function conclude({ service, reference }: ServiceCapture, result: StreamResult): CaptureReport {
  const {
    end: { code, reason: text, failure },
    why,
    told,
    packets,
    seconds,
  } = result
  const counted = { reference, interfaces: [], packets, dropped: 0, seconds }
  if (told !== undefined) return { ...told, end: why ?? told.end }
  if (why !== undefined) return { ...counted, end: why, complete: code !== undefined }
  // Over the original's protocol a remora tells why in words.
  const ownEnd = / has stopped$/.test(text) ? 'target-gone' : 'stop-condition'
  if (code === 1000 || code === 1005) return { ...counted, end: ownEnd, complete: true }
  if (failure !== undefined && code === undefined) throw failure
  if (code !== undefined) throw closedFailure(service, code, text)
  throw new RemoraError('PEER_FAILED', `${describeService(service)} broke the connection off`, {
    hint: 'The packets up to then are kept. The service may have been ended, or the network between.',
  })
}
