/**
 * Captures of several hosts in one section: each host makes its own, and what they send is merged by time. A host that
 * fails or ends takes only its part with it.
 */
import { fstatSync } from 'node:fs'
import { reasonOf } from '../../base/errors.ts'
import { silentLog } from '../../base/log.ts'
import { startSuspendProofTimer } from '../../base/suspend-proof-timer.ts'
import { setInterval, setTimeout } from '../../base/timers.ts'
import { captureFacts } from '../../discover/resolve/context.ts'
import { openSink } from '../../linux/files/sink.ts'
import type { CaptureEnd } from '../../protocol/v1/values.ts'
import { prelude } from '../annotate/prelude.ts'
import { interestCheck, watchInterval } from '../output/liveness.ts'
import type { Output } from '../output/output.ts'
import { writeFailure } from '../output/termination.ts'
import type { CapturePlan } from '../plan/plan.ts'
import type { CaptureContext } from '../request/context.ts'
import type { CaptureReport, RunOptions } from '../request/report.ts'
import { weaveInto } from './merge.ts'
import type { SourceInput } from './merge-input.ts'

/** A capture that a host makes and sends. */
export interface PacketStream {
  /** Name of the host, which stands before the names of its interfaces. */
  readonly host: string
  /** Its packets, as pcapng. */
  readonly input: SourceInput
  /** True when the capture is active; false when it ended before. Never fails. */
  readonly ready: Promise<boolean>
  /** Settles when the capture has ended, and fails when it broke; that does not wait for the stream to be read. */
  readonly report: Promise<CaptureReport>
  /** Asks for its end; what is on its way still comes. */
  stop(): void
  /** Ends it at once. */
  kill(): void
}

/** When the merged stream has enough, and how long packets wait. */
export interface MergeRequest {
  readonly stop: CapturePlan['stop']
  /** Milliseconds a packet waits for earlier ones of other hosts. */
  readonly windowMs: number
}

/** Milliseconds a reader that does not read has, when the capture was asked to end. */
const endTimeoutMs = 5_000

/**
 * Merges streams into an output, and ends that; the streams are its own from now on.
 * @throws RemoraError when the output cannot be written, or every stream broke
 */
export async function mergeStreams(
  streams: readonly PacketStream[],
  output: Output,
  request: MergeRequest,
  context: CaptureContext & Omit<RunOptions, 'lifetime'>,
): Promise<CaptureReport> {
  const merge = new StreamMerge(streams, output.fd, request, context)
  let report: CaptureReport
  try {
    report = await merge.run()
  } catch (error) {
    if (merge.isArmed()) output.finish(false)
    else output.discard()
    throw error
  } finally {
    merge.close()
  }
  output.finish(report.complete)
  return report
}

/** What became of the part of one host. */
interface Part {
  readonly report?: CaptureReport
  /** Packets lost in the merge. */
  readonly lost: number
  readonly failure?: unknown
}

class StreamMerge {
  readonly #streams: readonly PacketStream[]
  readonly #output: number
  readonly #request: MergeRequest
  readonly #context: CaptureContext & Omit<RunOptions, 'lifetime'>
  readonly #sink
  readonly #weave
  readonly #cancels: (() => void)[] = []
  #armedAt: number | undefined
  #end: CaptureEnd | undefined
  #failure: unknown

  constructor(
    streams: readonly PacketStream[],
    output: number,
    request: MergeRequest,
    context: CaptureContext & Omit<RunOptions, 'lifetime'>,
  ) {
    this.#streams = streams
    this.#output = output
    this.#request = request
    this.#context = context
    this.#sink = openSink(output)
    this.#weave = weaveInto(this.#sink, {
      stop: request.stop,
      window: request.windowMs,
      onEnough: () => this.#finish('stop-condition'),
      onEnd: reason => {
        if (reason !== undefined) this.#failure ??= writeFailure(reason)
        this.#finish('reader-gone', 'kill')
      },
    })
    const preface = { comment: '', context: captureFacts([]), names: [] }
    for (const blocks of prelude(preface, fstatSync(output).isFile())) this.#weave.add(blocks)
  }

  isArmed(): boolean {
    return this.#armedAt !== undefined
  }

  async run(): Promise<CaptureReport> {
    const { stop, kill } = this.#context.lifetime
    const joining = this.#streams.map(stream => this.#join(stream))
    const isLost = interestCheck(this.#output, this.#context.parent)
    const timer = setInterval(() => {
      const lost = isLost()
      if (lost !== undefined) this.#finish(lost, 'kill')
      else if (this.#armedAt !== undefined)
        this.#context.onProgress?.({ ...this.#weave.written(), seconds: this.#seconds() })
    }, watchInterval)
    this.#cancels.push(() => clearInterval(timer))
    const onStop = () => this.#finish('stopped')
    const onKill = () => this.#finish('killed', 'kill')
    stop.addEventListener('abort', onStop)
    kill.addEventListener('abort', onKill)
    this.#cancels.push(() => {
      stop.removeEventListener('abort', onStop)
      kill.removeEventListener('abort', onKill)
    })
    if (stop.aborted) onStop()
    const parts = await Promise.all(joining)
    await this.#weave.finish()
    if (this.#failure !== undefined) throw this.#failure
    if (parts.every(({ failure }) => failure !== undefined)) throw parts[0]?.failure
    return this.#summed(parts)
  }

  close(): void {
    for (const cancel of this.#cancels) cancel()
    for (const stream of this.#streams) stream.kill()
    this.#weave.close()
    this.#sink.close()
  }

  /** Takes the stream of a host in, up to its end. */
  async #join(stream: PacketStream): Promise<Part> {
    const { host, input, ready } = stream
    const { onSilence, log = silentLog } = this.#context
    const source = this.#weave.open(input, { name: own => `${host}/${own}` })
    ready.then(isReady => isReady && this.#arm())
    const [report, done] = await Promise.allSettled([stream.report, source.done])
    const lost = source.lost()
    if (report.status === 'fulfilled' && done.status === 'fulfilled') {
      log.info(`the part of ${host} ended: ${report.value.end}`)
      return { report: report.value, lost }
    }
    const failure = report.status === 'rejected' ? report.reason : (done as PromiseRejectedResult).reason
    stream.kill()
    log.warning(`the part of ${host} broke: ${reasonOf(failure)}`)
    if (this.#end === undefined) onSilence?.(`${host} is captured no more: ${reasonOf(failure)}`)
    return { lost, failure }
  }

  #arm(): void {
    if (this.#armedAt !== undefined || this.#end !== undefined) return
    this.#armedAt = performance.now()
    this.#context.onArmed?.()
    const { duration } = this.#request.stop
    if (duration === undefined) return
    const enough = setTimeout(() => this.#finish('stop-condition'), duration * 1000)
    this.#cancels.push(() => clearTimeout(enough))
  }

  #finish(end: CaptureEnd, how: 'stop' | 'kill' = 'stop'): void {
    this.#end ??= end
    for (const stream of this.#streams) stream[how]()
    if (how === 'kill') this.#weave.close()
    else this.#cancels.push(startSuspendProofTimer(endTimeoutMs, () => this.#weave.close()))
  }

  #seconds(): number {
    return this.#armedAt === undefined ? 0 : (performance.now() - this.#armedAt) / 1000
  }

  /** The report of all of them. */
  #summed(parts: readonly Part[]): CaptureReport {
    const { packets, late } = this.#weave.written()
    const all = parts.flatMap(({ report }, index) =>
      report === undefined ? [] : [{ report, host: this.#streams[index]?.host }],
    )
    return {
      reference: all.map(({ host, report }) => `${host}/${report.reference}`).join(', '),
      end: this.#end ?? all.at(-1)?.report.end ?? 'target-gone',
      complete: parts.every(({ report }) => report?.complete),
      interfaces: all.flatMap(({ host, report }) =>
        report.interfaces.map(nif => ({ ...nif, name: `${host}/${nif.name}` })),
      ),
      packets,
      dropped: parts.reduce((sum, { report, lost }) => sum + (report?.dropped ?? 0) + lost, 0),
      ...(late > 0 && { late }),
      seconds: this.#seconds(),
    }
  }
}
