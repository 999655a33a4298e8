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
 *  8. the disk is full: dumpcap would go on and lose every packet without a word (docs/discoveries), so it is stopped.
 */
import { fstatSync, statfsSync, writeSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { RemoraError, reasonOf, systemCode } from '../base/errors.ts'
import { type DumpcapEnd, type DumpcapProcess, diskFull, dumpcapFailure, startDumpcap } from '../linux/dumpcap.ts'
import { isStillThere, type NetworkNamespace } from '../linux/netns.ts'
import { readBytesWritten } from '../linux/proc.ts'
import { interestCheck, type LostInterest, watchInterval } from './interest.ts'
import type { Lifetime } from './lifetime.ts'
import { type CapturePlan, drainTime } from './plan.ts'
import { prelude } from './prelude.ts'
import type { StrandEnd } from './weave.ts'

/** Why a capture ended well. */
export type CaptureEnd = 'stopped' | 'killed' | LostInterest | 'target-gone' | 'interface-gone' | 'stop-condition'

export interface CaptureReport {
  readonly reference: string
  readonly end: CaptureEnd
  /** Whether dumpcap ended by itself, with its statistics written. */
  readonly complete: boolean
  /** Interface whose removal ended the capture. */
  readonly goneInterface?: string | undefined
  readonly interfaces: readonly { readonly name: string; readonly received: number; readonly dropped: number }[]
  readonly packets: number
  readonly dropped: number
  /** Seconds from armed to the end. */
  readonly seconds: number
  /** Lives of the target, where more than one was asked for. */
  readonly lives?: number | undefined
}

export interface Progress {
  readonly packets: number
  readonly bytes: number
  readonly seconds: number
}

export interface RunOptions {
  readonly lifetime: Lifetime
  /** End when this process is no longer a child of this one. */
  readonly parent?: number
  /** Called once, when the capture is active on every interface. */
  readonly onArmed?: () => void
  /** Called each second while the capture runs. */
  readonly onProgress?: (progress: Progress) => void
  /** Takes the stream in place of the output, up to its end; `ready` is false when dumpcap ended before it was armed. */
  readonly through?: (stream: Readable, ready: Promise<boolean>) => Promise<StrandEnd>
  /** Aborts when a stop condition that dumpcap does not know of is met. */
  readonly enough?: AbortSignal
}

/** Milliseconds dumpcap has for its last blocks and its statistics; again as long as it goes on writing. */
const patience = 1_000
/** Milliseconds after which it is killed even then. */
const longestEnd = 4_000

/**
 * Runs a planned capture to its end.
 * @param output descriptor for blocking writes
 * @throws RemoraError when the capture cannot start or breaks
 */
export async function runLocal(
  plan: CapturePlan,
  namespace: NetworkNamespace,
  output: number,
  options: RunOptions,
): Promise<CaptureReport> {
  const { lifetime, onArmed, through, enough } = options
  if (lifetime.stop.aborted) return report(plan, 'stopped', false)
  if (through === undefined && !writePrelude(plan, output)) return report(plan, 'reader-gone', false)
  const dumpcap = startDumpcap(namespace, plan.dumpcap, through === undefined ? output : 'pipe')
  const cleanUp = new AbortController()
  let armedAt: number | undefined
  const ending = endingOf(dumpcap, () => armedAt !== undefined)
  lifetime.stop.addEventListener('abort', () => ending.drain('stopped'), { signal: cleanUp.signal })
  lifetime.kill.addEventListener('abort', () => ending.kill(), { signal: cleanUp.signal })
  enough?.addEventListener('abort', () => ending.drain('stop-condition'), { signal: cleanUp.signal })
  const passing = passOn(dumpcap, ending, through)
  try {
    // Only now: looking for the reader takes a moment that dumpcap can use to start.
    const watch = watcher(namespace, output, options, dumpcap, () => armedAt)
    const timer = setInterval(() => watch(ending), watchInterval)
    cleanUp.signal.addEventListener('abort', () => clearInterval(timer))
    if (await dumpcap.ready) {
      armedAt = performance.now()
      onArmed?.()
    }
    const [end] = await Promise.all([dumpcap.ended, passing])
    const seconds = armedAt === undefined ? 0 : (performance.now() - armedAt) / 1000
    return conclude(plan, namespace, end, ending.reason(), seconds)
  } finally {
    cleanUp.abort()
    ending.done()
  }
}

/** Hands the stream on; whoever takes it may find that nobody reads any more. */
async function passOn(dumpcap: DumpcapProcess, ending: Ending, through: RunOptions['through']): Promise<void> {
  if (through === undefined || dumpcap.stdout === null) return
  try {
    if ((await through(dumpcap.stdout, dumpcap.ready)) === 'reader-gone') ending.interrupt('reader-gone')
  } catch (error) {
    ending.kill()
    throw streamFailure(error)
  }
}

/** The failure of a stream that could not be handed on. */
function streamFailure(error: unknown): unknown {
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(systemCode(error) ?? '')) return diskFull()
  if (error instanceof RemoraError) return error
  return new RemoraError('CAPTURE_FAILED', `cannot write the capture: ${reasonOf(error)}`, { cause: error })
}

/** @returns false when nobody reads any more */
function writePrelude(plan: CapturePlan, output: number): boolean {
  const bytes = prelude(plan.names, plan.dumpcap.comment)
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(output, bytes, written)
    return true
  } catch (error) {
    if (systemCode(error) === 'EPIPE') return false
    throw new RemoraError('CAPTURE_FAILED', `cannot write the capture: ${(error as Error).message}`, { cause: error })
  }
}

/** Why dumpcap was told to end. */
type Reason = CaptureEnd | 'disk-full'

interface Ending {
  reason(): Reason | undefined
  /** Waits for packets on their way, then interrupts. */
  drain(reason: Reason): void
  /** Interrupts at once: nobody wants what is on its way. */
  interrupt(reason: Reason): void
  kill(): void
  /** Releases the timers. */
  done(): void
}

/** The way to end dumpcap. While its reader does not read, a first signal only wakes it; so it gets two, then SIGKILL. */
function endingOf(dumpcap: DumpcapProcess, isArmed: () => boolean): Ending {
  let reason: Reason | undefined
  const timers = new Set<NodeJS.Timeout>()
  const after = (delay: number, action: () => void): void => void timers.add(setTimeout(action, delay))
  const insist = (written: number, deadline: number) => {
    const now = readBytesWritten(dumpcap.pid) ?? 0
    if (now > written && performance.now() < deadline) return after(patience, () => insist(now, deadline))
    dumpcap.send('SIGINT')
    after(500, () => dumpcap.send('SIGKILL'))
  }
  const interruptNow = () => {
    const written = readBytesWritten(dumpcap.pid) ?? 0
    const deadline = performance.now() + longestEnd - patience
    dumpcap.send('SIGINT')
    after(patience, () => insist(written, deadline))
  }
  const begin = (why: Reason, delay: number) => {
    if (reason !== undefined) return
    reason = why
    if (delay > 0) after(delay, interruptNow)
    else interruptNow()
  }
  return {
    reason: () => reason,
    drain: why => begin(why, isArmed() ? drainTime : 0),
    interrupt: why => begin(why, 0),
    kill() {
      reason = 'killed'
      dumpcap.send('SIGKILL')
    },
    done() {
      for (const timer of timers) clearTimeout(timer)
    },
  }
}

function watcher(
  namespace: NetworkNamespace,
  output: number,
  { parent, onProgress }: RunOptions,
  dumpcap: DumpcapProcess,
  armedAt: () => number | undefined,
): (ending: Ending) => void {
  const lostInterest = interestCheck(output, parent)
  const isFull = fullCheck(output)
  let ticks = 0
  return ending => {
    const lost = lostInterest()
    if (lost !== undefined) ending.interrupt(lost)
    else if (isFull()) ending.interrupt('disk-full')
    else if (!isStillThere(namespace)) ending.drain('target-gone')
    const since = armedAt()
    if (onProgress === undefined || since === undefined || ticks++ % 2 === 1) return
    const bytes = readBytesWritten(dumpcap.pid) ?? 0
    onProgress({ packets: dumpcap.messages().packets, bytes, seconds: (performance.now() - since) / 1000 })
  }
}

/** Whether the file system under a file has nothing left for this user (statvfs(3): some of it may be kept for root). */
function fullCheck(output: number): () => boolean {
  if (!fstatSync(output).isFile()) return () => false
  const isRoot = process.geteuid?.() === 0
  return () => {
    const { blocks, bfree, bavail } = statfsSync(`/proc/self/fd/${output}`)
    // A file system that cannot tell says nothing but zeros.
    return blocks > 0 && (isRoot ? bfree : bavail) === 0
  }
}

/** From the end of the process to the end of the capture. */
function conclude(
  plan: CapturePlan,
  namespace: NetworkNamespace,
  { status, signal, messages }: DumpcapEnd,
  reason: Reason | undefined,
  seconds: number,
): CaptureReport {
  if (reason === 'disk-full') throw diskFull()
  const finished = (end: CaptureEnd, goneInterface?: string) =>
    report(plan, end, status === 0, { ...messages, goneInterface }, seconds)
  if (/Broken pipe/.test(messages.complaint ?? '')) return finished(reason ?? 'reader-gone')
  if (reason !== undefined && (status === 0 || signal !== null)) return finished(reason)
  if (messages.goneInterface !== undefined) {
    return finished(isStillThere(namespace) ? 'interface-gone' : 'target-gone', messages.goneInterface)
  }
  if (status === 0) return finished(reason ?? 'stop-condition')
  if (messages.complaint !== undefined) throw dumpcapFailure(messages.complaint)
  throw new RemoraError('CAPTURE_FAILED', `dumpcap ended unexpectedly (${signal ?? `status ${status}`})`, {
    hint: 'Somebody killed it, or the system ran out of memory; the packets up to then are kept.',
  })
}

function report(
  plan: CapturePlan,
  end: CaptureEnd,
  complete: boolean,
  messages: Partial<DumpcapEnd['messages']> = {},
  seconds = 0,
): CaptureReport {
  const { statistics = [], packets = 0, goneInterface } = messages
  // Behind a stop condition dumpcap throws away what it was not asked for; in any other end that is a loss.
  const interfaces = statistics.map(({ name, received, dropped, flushed }) => ({
    name,
    received,
    dropped: dropped + (end === 'stop-condition' ? 0 : flushed),
  }))
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
