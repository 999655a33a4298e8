/** How a running dumpcap is brought to its end, what its end means, and what broke a stream. */
import { RemoraError, reasonOf, systemCode } from '../../base/errors.ts'
import { startSuspendProofTimer } from '../../base/suspend-proof-timer.ts'
import { diskFull } from '../../linux/capturing/dumpcap.ts'
import type { CaptureProcess, CaptureEnd as ProcessEnd } from '../../linux/capturing/program.ts'
import { readBytesWritten } from '../../linux/process/proc.ts'
import { drainTime } from '../plan/plan.ts'

/** Milliseconds dumpcap has for its last blocks and its statistics; again as long as it goes on writing. */
const patience = 1_000
/** Milliseconds after which it is killed even then. */
const longestEnd = 4_000

/** The way one capturing process ends; the first reason counts. */
export interface Ending<Reason extends string> {
  /** Why it was told to end; undefined when it was not. */
  reason(): Reason | undefined
  /** Waits for packets on their way, then interrupts. */
  drain(reason: Reason): void
  /** Interrupts at once: nobody wants what is on its way. */
  interrupt(reason: Reason): void
  kill(reason: Reason): void
  /** Releases the timers. */
  done(): void
}

/**
 * The way to end dumpcap. While its reader does not read, a first signal only wakes it; so it gets two, then SIGKILL.
 * @param late milliseconds a packet may be on its way to the output
 */
export function endingOf<Reason extends string>(
  dumpcap: Pick<CaptureProcess, 'pid' | 'send'>,
  isArmed: () => boolean,
  late = drainTime,
): Ending<Reason> {
  let reason: Reason | undefined
  const waits: (() => void)[] = []
  const after = (delay: number, action: () => void): void => void waits.push(startSuspendProofTimer(delay, action))
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
    drain: why => begin(why, isArmed() ? late : 0),
    interrupt: why => begin(why, 0),
    kill(why) {
      reason = why
      dumpcap.send('SIGKILL')
    },
    done() {
      for (const cancel of waits) cancel()
    },
  }
}

/**
 * The failure of a capture that nobody asked to end; undefined when it ended well.
 * @param asked whether it was told to end, which also excuses a signal
 * @param explain the failure behind a complaint
 */
export function failureOf<F = RemoraError>(
  { status, signal, messages }: ProcessEnd,
  asked: boolean,
  explain: (complaint: string) => F,
): F | RemoraError | undefined {
  if (status === 0 || messages.goneInterface !== undefined || (asked && signal !== null)) return undefined
  if (messages.complaint !== undefined) return explain(messages.complaint)
  if (signal === 'SIGXFSZ') return diskFull('the file may grow no larger (ulimit -f)')
  return new RemoraError('CAPTURE_FAILED', `dumpcap ended unexpectedly (${signal ?? `status ${status}`})`, {
    hint: 'Somebody killed it, or the system ran out of memory; the packets up to then are kept.',
  })
}

/** The failure behind packets that could not be handed on. */
export function writeFailure(error: unknown): RemoraError {
  const reason = { EFBIG: 'the file may grow no larger (ulimit -f)', EDQUOT: 'the quota of this user is used up' }
  if (isFull(error)) return diskFull(reason[systemCode(error) as keyof typeof reason])
  if (error instanceof RemoraError) return error
  return new RemoraError('CAPTURE_FAILED', `cannot write the capture: ${reasonOf(error)}`, {
    cause: error,
    hint: 'The packets up to then are kept. Write to another disk, with -w.',
  })
}

/** Whether it is for lack of room that something could not be written. */
export function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(systemCode(error) ?? '')
}
