/**
 * A capture that a service elsewhere runs, from what is asked for to the report. remora's own services check everything
 * first and hand out a ticket; stock ones are asked as their own clients do.
 */
import * as v from 'valibot'
import { RemoraError, systemCode } from '../base/errors.ts'
import { silentLog } from '../base/log.ts'
import { afterOwnTime } from '../base/own-time.ts'
import { openSink } from '../linux/sink.ts'
import { parseNote } from '../packetflix/notes.ts'
import { formatParameters, type StockParameters } from '../packetflix/parameters.ts'
import { packetCounter } from '../pcapng/count.ts'
import { closedFailure, statusFailure, toldFailure } from '../remote/failure.ts'
import { ask } from '../remote/http.ts'
import { describeService, type RemoteService } from '../remote/service.ts'
import { dial, type StreamEnd } from '../remote/websocket.ts'
import { writeFailure } from './ending.ts'
import { interestCheck, watchInterval } from './interest.ts'
import { discard, type Output, type OutputRequest, openOutput } from './output.ts'
import type { CaptureContext } from './prepare.ts'
import { findStockSubject } from './remote-stock.ts'
import type { CaptureEnd, CaptureReport, RunOptions } from './report.ts'
import type { CaptureRequest } from './request.ts'

/** What is asked of a service. */
export type RemoteRequest = { readonly service: RemoteService } & (
  | { readonly kind: 'request'; readonly request: CaptureRequest; readonly includeSelf: boolean }
  | { readonly kind: 'stock'; readonly parameters: StockParameters }
  /** Path of a capture that was granted already. */
  | { readonly kind: 'ticket'; readonly path: string }
)

export interface RemoteCapture {
  /** What will be captured, as the service or the request has it. */
  readonly reference: string
  readonly name: string
  /** What the service says about it, or will be asked. */
  readonly plan: Readonly<Record<string, unknown>>
  readonly service: RemoteService
  /** Path and query of the WebSocket. */
  readonly path: string
  readonly headers?: Record<string, string>
}

export type RemoteContext = CaptureContext & Omit<RunOptions, 'lifetime'>

/**
 * Asks for a capture; nothing runs yet.
 * @throws RemoraError for everything the service has against it, PEER_FAILED when there is none
 */
export async function prepareRemote(remote: RemoteRequest, signal: AbortSignal): Promise<RemoteCapture> {
  const { service } = remote
  if (remote.kind === 'ticket') {
    const host = describeService(service)
    return { reference: host, name: host, plan: { path: remote.path }, service, path: remote.path }
  }
  if (remote.kind === 'stock') return stockCapture(service, remote.parameters)
  const { request, includeSelf } = remote
  const { status, body } = await ask(service, 'POST', '/v1/captures', { body: requestBody(remote), signal })
  if (status === 201) {
    const { path, reference, name = request.targets.join(', '), ...plan } = parseGrant(service, body)
    return { reference, name, plan: { reference, name, ...plan }, service, path }
  }
  if (toldFailure(body) !== undefined || status === 401 || status === 403) throw statusFailure(service, status, body)
  // It knows nothing of remora's own protocol.
  const { filter, promiscuous, interfaces } = request
  refuseForStock(service, request)
  const [target = ''] = request.targets
  const subject = await findStockSubject(service, target, signal)
  const wanted = interfaces.length > 0 ? interfaces : undefined
  return stockCapture(service, { subjects: [subject], interfaces: wanted, filter, promiscuous, includeSelf })
}

const grant = v.looseObject({
  path: v.pipe(v.string(), v.startsWith('/')),
  reference: v.string(),
  name: v.optional(v.string()),
})

function parseGrant(service: RemoteService, body: string): v.InferOutput<typeof grant> {
  try {
    const { url: _, download: __, expires: ___, ...rest } = v.parse(grant, JSON.parse(body))
    return rest
  } catch (error) {
    throw new RemoraError('PEER_FAILED', `${describeService(service)} answers something else`, { cause: error })
  }
}

function requestBody({ request, includeSelf }: Extract<RemoteRequest, { kind: 'request' }>): Record<string, unknown> {
  const { ownStream: _, keys, targets, snaplen = 0, ...rest } = request
  const [target] = targets
  return {
    ...(targets.length === 1 ? { target } : { targets }),
    ...rest,
    ...(keys?.fromTargets && { tlsKeys: true }),
    snaplen,
    includeSelf,
  }
}

function stockCapture(service: RemoteService, parameters: StockParameters): RemoteCapture {
  const [subject] = parameters.subjects
  const { query, headers } = formatParameters(parameters)
  const name = subject.kind === 'netns' ? `netns:${subject.netns}` : subject.target.name
  return { reference: name, name, plan: { ...parameters }, service, path: `/capture?${query}`, headers }
}

/** What the original protocol has no words for. */
function refuseForStock(service: RemoteService, request: CaptureRequest): void {
  const { targets, snaplen, stop, wait, follow, window, direction, immediate, at = 'inside', keys } = request
  const wanted = [
    snaplen !== undefined && 'a snapshot length',
    (stop.packets !== undefined || stop.filesize !== undefined) && 'a number of packets or bytes to stop at',
    wait !== undefined && '--wait',
    follow && '--follow',
    targets.length > 1 && 'several targets',
    window !== undefined && '--window',
    direction && '--direction',
    immediate && '--immediate',
    at !== 'inside' && `--at ${at}`,
    keys !== undefined && '--tls-keys',
  ].filter(text => typeof text === 'string')
  if (wanted.length === 0) return
  throw new RemoraError('USAGE', `${describeService(service)} is no remora and does not know ${wanted.join(', ')}`, {
    hint: 'Leave it out, or run remora serve there.',
  })
}

/**
 * Captures from start to end.
 * @param making what to ask for; may fail, which ends like any other failure
 * @returns undefined when asked to stop before the capture had begun
 * @throws RemoraError when the capture cannot start or breaks; what was written by then is kept
 */
export async function runRemoteCapture(
  making: Promise<RemoteRequest>,
  destination: OutputRequest,
  context: RemoteContext,
): Promise<CaptureReport | undefined> {
  const { lifetime } = context
  // The fifo is opened in any case: older Wiresharks hang when nobody ever opens it.
  const opening = openOutput(destination, lifetime.stop)
  opening.catch(() => {})
  try {
    const remote = await making.catch(error => discard(opening, error))
    const prepared = await prepareRemote(remote, lifetime.stop).catch(error => discard(opening, error))
    const duration = remote.kind === 'request' ? remote.request.stop.duration : undefined
    return await runRemote(prepared, await opening, context, duration)
  } catch (error) {
    if (lifetime.stop.aborted && !(error instanceof RemoraError)) return undefined
    throw error
  }
}

/** Milliseconds a service has to end a capture whose reader has gone. */
const longestEnd = 6_000

/**
 * Runs a capture that was asked for into an output, and ends the output as the capture ended.
 * @param duration seconds, for services that do not stop by themselves
 */
export async function runRemote(
  remote: RemoteCapture,
  output: Output,
  context: RemoteContext,
  duration?: number,
): Promise<CaptureReport> {
  const { lifetime, parent, log = silentLog, onArmed, onPending, onProgress, onSilence } = context
  const { service, path, headers } = remote
  const sink = openSink(output.fd)
  const counter = packetCounter()
  const cleanUp = new AbortController()
  let reason: CaptureEnd | undefined
  let told: CaptureReport | undefined
  let report: CaptureReport
  /** What came could not be written, whatever the service says of it. */
  let unwritten: RemoraError | undefined
  let bytes = 0
  let begun: number | undefined
  const seconds = () => (begun === undefined ? 0 : (performance.now() - begun) / 1000)
  const begin = () => {
    if (begun !== undefined) return
    begun = performance.now()
    onArmed?.()
    // A remora stops by itself, and knows better when.
    if (duration === undefined || headers === undefined) return
    const enough = setTimeout(() => end('stop-condition'), duration * 1000)
    waits.push(() => clearTimeout(enough))
  }
  const waits: (() => void)[] = []
  let end: (why: CaptureEnd) => void = () => {}
  const taker = {
    async take(chunk: Buffer) {
      checkBeginning(service, chunk, bytes)
      if (headers !== undefined) begin()
      bytes += chunk.length
      if (told === undefined) counter.push(chunk)
      try {
        await sink.write(chunk)
      } catch (error) {
        if (systemCode(error) === 'EPIPE') return end('reader-gone')
        unwritten = writeFailure(error)
        throw unwritten
      }
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
    if (lifetime.stop.aborted) throw lifetime.stop.reason
    const stream = await dial(service, path, { ...(headers && { headers }), taker, signal: lifetime.stop })
    log.info(`connected to ${describeService(service)}`)
    if (headers === undefined && remote.plan.netns === undefined) onPending?.()
    end = why => {
      if (reason !== undefined) return
      reason = why
      stream.close()
      waits.push(
        afterOwnTime(longestEnd, () => {
          sink.close()
          stream.destroy()
        }),
      )
    }
    lifetime.stop.addEventListener('abort', () => end('stopped'), { signal: cleanUp.signal })
    lifetime.kill.addEventListener(
      'abort',
      () => {
        reason = 'killed'
        sink.close()
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
    if (unwritten !== undefined && !lifetime.kill.aborted) throw unwritten
    report = conclude(remote, ended, reason, { told, packets: counter.packets(), seconds: seconds() })
  } catch (error) {
    sink.close()
    if (bytes > 0) output.finish(false)
    else output.discard()
    throw error
  } finally {
    cleanUp.abort()
    for (const cancel of waits) cancel()
  }
  log.info(`the capture ended: ${JSON.stringify(report)}`)
  sink.close()
  // A stock service that is asked to end does so in the middle of whatever it was sending.
  output.finish(report.complete && told !== undefined)
  return report
}

/** What every capture begins with: the type of a section header block (draft-ietf-opsawg-pcapng §4.1). */
const sectionType = Buffer.from([0x0a, 0x0d, 0x0d, 0x0a])

/** Refuses what is no capture, before Wireshark has to make sense of it. */
function checkBeginning(service: RemoteService, chunk: Buffer, at: number): void {
  const expected = sectionType.subarray(at, at + chunk.length)
  if (chunk.subarray(0, expected.length).equals(expected)) return
  throw new RemoraError('PEER_FAILED', `${describeService(service)} sends no capture`, {
    hint: 'Is it a capture service (remora serve, Packetflix), and is the path right?',
  })
}

/** From the end of the connection to the end of the capture. */
function conclude(
  { service, reference }: RemoteCapture,
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
