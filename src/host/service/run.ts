/**
 * Runs a capture that a service elsewhere makes, from the connection to the report: what comes over the WebSocket goes into
 * the output, and nothing of it is looked at but the number of packets and its beginning, which tells of the target in the end.
 */

import { fstatSync } from 'node:fs'
import { RemoraError } from '../../base/errors.ts'
import { silentLog } from '../../base/log.ts'
import { afterOwnTime } from '../../base/own-time.ts'
import { setInterval, setTimeout } from '../../base/timers.ts'
import type { RunContext } from '../../capture/capture.ts'
import { interestCheck, watchInterval } from '../../capture/output/liveness.ts'
import type { Output } from '../../capture/output/output.ts'
import { openWriter } from '../../capture/output/writer.ts'
import type { CaptureReport } from '../../capture/request/report.ts'
import { packetCounter } from '../../pcapng/count.ts'
import { parseNote } from '../../protocol/v1/notes.ts'
import type { CaptureEnd } from '../../protocol/v1/values.ts'
import { closedFailure, strangeAnswer } from '../../remote/failure.ts'
import { describeService, type RemoteService } from '../../remote/service.ts'
import { dial, type StreamEnd } from '../../remote/websocket.ts'
import { describeStream } from './describe-stream.ts'
import type { ServiceCapture } from './prepare.ts'

/** Milliseconds a service has to end a capture whose reader has gone. */
const longestEnd = 6_000

/** Runs a capture that was asked for into an output, and ends the output as the capture ended. */
export async function run(remote: ServiceCapture, output: Output, context: RunContext): Promise<CaptureReport> {
  const { lifetime, parent, log = silentLog, onArmed, onPending, onProgress, onSilence } = context
  const { service, path, headers, duration } = remote
  const counter = packetCounter()
  const editor = remote.undescribed && describeStream(remote.undescribed, fstatSync(output.fd).isFile())
  const cleanUp = new AbortController()
  let reason: CaptureEnd | undefined
  let told: CaptureReport | undefined
  let report: CaptureReport
  /** What came could not be written, whatever the service says of it. */
  let unwritten: unknown
  let bytes = 0
  let begun: number | undefined
  const seconds = () => (begun === undefined ? 0 : (performance.now() - begun) / 1000)
  const begin = () => {
    if (begun !== undefined) return
    begun = performance.now()
    onArmed?.()
    if (duration === undefined) return
    const enough = setTimeout(() => end('stop-condition'), duration * 1000)
    waits.push(() => clearTimeout(enough))
  }
  const waits: (() => void)[] = []
  let end: (why: CaptureEnd) => void = () => {}
  const writer = openWriter(output.fd, error => {
    unwritten ??= error
    end('reader-gone')
  })
  const write = async (bytes: Buffer) => {
    try {
      if (!(await writer.write(bytes))) end('reader-gone')
    } catch (error) {
      unwritten ??= error
      throw error
    }
  }
  const taker = {
    async take(chunk: Buffer) {
      checkBeginning(service, chunk, bytes)
      if (headers !== undefined) begin()
      bytes += chunk.length
      if (told === undefined) counter.push(chunk)
      await write(editor === undefined ? chunk : editor.push(chunk))
    },
    note(text: string) {
      const note = parseNote(text)
      if (note?.note === 'armed') begin()
      else if (note?.note === 'silence') onSilence?.(note.line)
      else if (note?.note === 'report') {
        const { note: _, ...rest } = note
        told = rest
      } else if (note === undefined) log.warning(`the service says: ${text.slice(0, 500)}`)
    },
  }
  try {
    lifetime.stop.throwIfAborted()
    const stream = await dial(service, path, { ...(headers && { headers }), taker, signal: lifetime.stop })
    log.info(`connected to ${describeService(service)}`)
    if (headers === undefined && remote.plan.netns === undefined) onPending?.()
    end = why => {
      if (reason !== undefined) return
      reason = why
      stream.close()
      waits.push(
        afterOwnTime(longestEnd, () => {
          writer.close()
          stream.destroy()
        }),
      )
    }
    lifetime.stop.addEventListener('abort', () => end('stopped'), { signal: cleanUp.signal })
    lifetime.kill.addEventListener(
      'abort',
      () => {
        reason = 'killed'
        writer.close()
        stream.destroy()
      },
      { signal: cleanUp.signal },
    )
    if (lifetime.stop.aborted) end('stopped')
    const lost = interestCheck(output.fd, parent)
    let ticks = 0
    const timer = setInterval(() => {
      const gone = lost()
      if (gone !== undefined) end(gone)
      else if (begun !== undefined && ticks++ % 2 === 0)
        onProgress?.({ packets: counter.packets(), bytes, seconds: seconds() })
    }, watchInterval)
    waits.push(() => clearInterval(timer))
    const ended = await stream.ended
    if (editor !== undefined && !lifetime.kill.aborted) await write(editor.rest())
    if (unwritten !== undefined && !lifetime.kill.aborted) throw unwritten
    report = conclude(remote, ended, reason, { told, packets: counter.packets(), seconds: seconds() })
    await writer.settle(lifetime.kill)
  } catch (error) {
    writer.close()
    if (bytes > 0) output.finish(false)
    else output.discard()
    throw error
  } finally {
    cleanUp.abort()
    for (const cancel of waits) cancel()
    writer.close()
  }
  log.info(`the capture ended: ${JSON.stringify(report)}`)
  // A Packetflix service that is asked to end does so in the middle of whatever it was sending.
  output.finish(report.complete && told !== undefined)
  return report
}

/** What every capture begins with: the type of a section header block (draft-ietf-opsawg-pcapng §4.1). */
const sectionType = Buffer.from([0x0a, 0x0d, 0x0d, 0x0a])

/** Refuses what is no capture, before Wireshark has to make sense of it. */
function checkBeginning(service: RemoteService, chunk: Buffer, at: number): void {
  const expected = sectionType.subarray(at, at + chunk.length)
  if (chunk.subarray(0, expected.length).equals(expected)) return
  throw strangeAnswer(service, 'sends no capture')
}

/** From the end of the connection to the end of the capture. */
function conclude(
  { service, reference }: ServiceCapture,
  { code, reason: text, failure }: StreamEnd,
  reason: CaptureEnd | undefined,
  { told, packets, seconds }: { told: CaptureReport | undefined; packets: number; seconds: number },
): CaptureReport {
  const counted = { reference, interfaces: [], packets, dropped: 0, seconds }
  if (told !== undefined) return { ...told, end: reason ?? told.end }
  if (reason !== undefined) return { ...counted, end: reason, complete: code !== undefined }
  // Over the original's protocol a remora tells why in words.
  const ownEnd = / has stopped$/.test(text) ? 'target-gone' : 'stop-condition'
  if (code === 1000 || code === 1005) return { ...counted, end: ownEnd, complete: true }
  if (failure !== undefined && code === undefined) throw failure
  if (code !== undefined) throw closedFailure(service, code, text)
  throw new RemoraError('PEER_FAILED', `${describeService(service)} broke the connection off`, {
    hint: 'The packets up to then are kept. The service may have been ended, or the network between.',
  })
}
