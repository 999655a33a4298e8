/**
 * A local capture from start to end: dumpcap in the target's namespace, its output the caller's descriptor.
 *
 * It ends in one of these ways, and in each of them nothing is left running:
 *  1. asked to stop: packets on their way are waited for, then dumpcap writes its statistics;
 *  2. told to die: dumpcap is killed, the stream ends with the last whole block;
 *  3. the reader has gone, or the parent process has: nobody wants the rest;
 *  4. the target has gone: its process ended, or its mount was removed;
 *  5. an interface was removed: dumpcap ends for all of them, and says which;
 *  6. a stop condition was reached;
 *  7. dumpcap failed or was killed by somebody else;
 *  8. what it writes does not reach the file: dumpcap would go on and lose every packet without a word (docs/internals/discoveries), so it
 *     is stopped.
 */
import { fstatSync, writeSync } from 'node:fs'
import { systemCode } from '../../base/errors.ts'
import { setInterval } from '../../base/timers.ts'
import { underOwnNames } from '../../linux/capturing/device.ts'
import {
  type DumpcapEnd,
  type DumpcapOptions,
  type DumpcapProcess,
  dumpcapFailure,
  startDumpcap,
} from '../../linux/capturing/dumpcap.ts'
import { isStillThere, type NetworkNamespace } from '../../linux/namespace/netns.ts'
import { readBytesWritten } from '../../linux/process/proc.ts'
import { sectionCommentLimits } from '../../metadata/context.ts'
import type { CaptureEnd } from '../../protocol/v1/values.ts'
import { type Preface, prelude, sectionComment } from '../annotate/prelude.ts'
import { packetsWrittenBy, watchedTarget, watchSilence } from '../annotate/silence.ts'
import { interestCheck, watchInterval } from '../output/liveness.ts'
import { type Ending, endingOf, failureOf, writeFailure } from '../output/termination.ts'
import { type UnwrittenWatch, watchUnwritten } from '../output/unwritten.ts'
import { type CapturePlan, type SourcePlan, stopConditions } from '../plan/plan.ts'
import { dumpcapOptions, ownInterfaces } from '../plan/taps.ts'
import type { PreparedLife } from '../prepare/prepare-incarnation.ts'
import type { CaptureContext } from '../request/context.ts'
import type { CaptureReport, RunOptions } from '../request/report.ts'
import { withoutGone } from '../taps/gone.ts'
import { watchUncaptured } from './uncaptured.ts'

/** Bytes of what dumpcap itself writes into a section header: hardware, operating system, program. */
const ownOptions = 320

/** One target, and when there is enough of it. */
export interface DirectCapture
  extends Pick<PreparedLife, 'plan' | 'target' | 'interfaces'>,
    Pick<CapturePlan, 'stop'> {}

type DirectOptions = RunOptions & Pick<CaptureContext, 'counting'>

/**
 * Runs a planned capture to its end.
 * @param preface of the first section, the one remora itself writes
 * @param output descriptor for blocking writes
 * @throws RemoraError when the capture cannot start or breaks
 */
export async function runLocal(
  life: DirectCapture,
  preface: Preface,
  output: number,
  options: DirectOptions,
): Promise<CaptureReport> {
  if (options.lifetime.stop.aborted) return report(life.plan, 'stopped', false)
  const isFile = fstatSync(output).isFile()
  const hasNames = preface.names.length > 0
  if (hasNames && !writePrelude(Buffer.concat(prelude(preface, isFile)), output)) {
    return report(life.plan, 'reader-gone', false)
  }
  // Without names there is one section only, which editcap of Wireshark 4.0 reads as well.
  const limit = isFile ? sectionCommentLimits.file : sectionCommentLimits.stream - ownOptions
  const comment = hasNames ? life.plan.comment : sectionComment(preface, limit)
  for (let { plan } = life, attempt = 1; ; attempt++) {
    try {
      return await runDumpcap({ ...life, plan }, comment, output, options)
    } catch (error) {
      if (attempt === mostStarts) throw error
      plan = await withoutGone(plan, life.target.namespace, life.interfaces, error)
    }
  }
}

/** What dumpcap is told. */
function optionsOf({ plan, stop }: DirectCapture, comment: string, counting = false): DumpcapOptions {
  return { ...dumpcapOptions(plan.taps, comment), stopConditions: stopConditions(stop), counting }
}

/** Starts of dumpcap, of which each but the last failed since an interface had gone. */
const mostStarts = 5

async function runDumpcap(
  life: DirectCapture,
  comment: string,
  output: number,
  options: DirectOptions,
): Promise<CaptureReport> {
  const { lifetime, onArmed, onSilence } = options
  const { plan, target } = life
  const { namespace } = target
  if (lifetime.stop.aborted) return report(plan, 'stopped', false)
  const dumpcap = startDumpcap(namespace, optionsOf(life, comment, options.counting), output)
  const unwritten = watchUnwritten(output, dumpcap.pid, () => dumpcap.messages().packets)
  const cleanUp = new AbortController()
  let armedAt: number | undefined
  const ending = endingOf<Reason>(dumpcap, () => armedAt !== undefined)
  lifetime.stop.addEventListener('abort', () => ending.drain('stopped'), { signal: cleanUp.signal })
  lifetime.kill.addEventListener('abort', () => ending.kill('killed'), { signal: cleanUp.signal })
  try {
    // Only now: looking for the reader takes a moment that dumpcap can use to start.
    const watch = watcher(namespace, output, options, dumpcap, unwritten, () => armedAt)
    const uncaptured = watchUncaptured(plan, namespace, life.interfaces, dumpcap.pid, line => onSilence?.(line))
    const timer = setInterval(() => {
      watch(ending)
      if (armedAt !== undefined) uncaptured.look()
    }, watchInterval)
    cleanUp.signal.addEventListener('abort', () => clearInterval(timer))
    if (await dumpcap.ready) {
      armedAt = performance.now()
      onArmed?.()
      for (const line of plan.notes) onSilence?.(line)
      if (onSilence !== undefined) {
        const silence = watchSilence(onSilence)
        silence.watch(watchedTarget(life, dumpcap.pid, packetsWrittenBy(dumpcap.pid)))
        cleanUp.signal.addEventListener('abort', () => silence.close())
      }
    }
    const end = await dumpcap.ended
    const seconds = armedAt === undefined ? 0 : (performance.now() - armedAt) / 1000
    const reason = ending.reason()
    if (reason === 'unwritten') throw unwritten.failure()
    const concluded = conclude(plan, namespace, end, reason, seconds)
    await unwritten.settle(lifetime.kill)
    return withMissed(concluded, uncaptured.names())
  } finally {
    cleanUp.abort()
    ending.done()
    unwritten.close()
  }
}

/** @returns false when nobody reads any more */
function writePrelude(bytes: Buffer, output: number): boolean {
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(output, bytes, written)
    return true
  } catch (error) {
    if (systemCode(error) === 'EPIPE') return false
    throw writeFailure(error)
  }
}

/** Why dumpcap was told to end. */
type Reason = CaptureEnd | 'unwritten'

function watcher(
  namespace: NetworkNamespace,
  output: number,
  { parent, onProgress }: RunOptions,
  dumpcap: DumpcapProcess,
  unwritten: UnwrittenWatch,
  armedAt: () => number | undefined,
): (ending: Ending<Reason>) => void {
  const lostInterest = interestCheck(output, parent)
  let ticks = 0
  return ending => {
    const lost = lostInterest()
    if (lost !== undefined) ending.interrupt(lost)
    else if (unwritten.look()) ending.interrupt('unwritten')
    else if (!isStillThere(namespace)) ending.drain('target-gone')
    const since = armedAt()
    if (onProgress === undefined || since === undefined || ticks++ % 2 === 1) return
    const bytes = readBytesWritten(dumpcap.pid) ?? 0
    onProgress({ packets: dumpcap.messages().packets, bytes, seconds: (performance.now() - since) / 1000 })
  }
}

/** From the end of the process to the end of the capture. */
function conclude(
  plan: SourcePlan,
  namespace: NetworkNamespace,
  processEnd: DumpcapEnd,
  reason: CaptureEnd | undefined,
  seconds: number,
): CaptureReport {
  const { status, messages } = processEnd
  const finished = (end: CaptureEnd, goneInterface?: string) =>
    report(plan, end, status === 0, { ...messages, goneInterface }, seconds)
  if (/Broken pipe/.test(messages.complaint ?? '')) return finished(reason ?? 'reader-gone')
  const failure = failureOf(processEnd, reason !== undefined, dumpcapFailure)
  if (failure !== undefined) throw failure
  if (reason !== undefined) return finished(reason)
  if (messages.goneInterface === undefined) return finished('stop-condition')
  return finished(isStillThere(namespace) ? 'interface-gone' : 'target-gone', messages.goneInterface)
}

function withMissed(report: CaptureReport, missedInterfaces: readonly string[] | undefined): CaptureReport {
  return missedInterfaces === undefined ? report : { ...report, complete: false, missedInterfaces }
}

function report(
  plan: SourcePlan,
  end: CaptureEnd,
  complete: boolean,
  messages: Partial<DumpcapEnd['messages']> = {},
  seconds = 0,
): CaptureReport {
  const { statistics = [], packets = 0, goneInterface } = messages
  // Behind a stop condition dumpcap throws away what it was not asked for; in any other end that is a loss.
  const interfaces = underOwnNames(statistics, ownInterfaces(plan.taps)).map(
    ({ name, received, dropped, flushed }) => ({
      name,
      received,
      dropped: dropped + (end === 'stop-condition' ? 0 : flushed),
    }),
  )
  return {
    reference: plan.reference,
    end,
    complete,
    ...(goneInterface !== undefined && { goneInterface }),
    interfaces,
    packets,
    dropped: interfaces.reduce((sum, { dropped }) => sum + dropped, 0),
    seconds,
  }
}
