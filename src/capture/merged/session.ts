/**
 * A capture of several targets, or of one that is more than dumpcap alone can do: every incarnation of every target is one more
 * part of the same stream. Targets join while it runs, and leave it. This file carries out what {@link stepSession} decides.
 */
import { fstatSync } from 'node:fs'
import { isAbort } from '../../base/abort.ts'
import { reasonOf } from '../../base/errors.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { type Actions, type Machine, runMachine } from '../../base/machine.ts'
import { startSuspendProofTimer } from '../../base/suspend-proof-timer.ts'
import { setInterval, setTimeout } from '../../base/timers.ts'
import { printable } from '../../base/write.ts'
import type { HostName } from '../../discover/resolve/names.ts'
import { type NameWatch, watchNames } from '../../discover/watch/watch-names.ts'
import { openSink, type Sink } from '../../linux/files/sink.ts'
import { watchWriteback } from '../../linux/files/writeback.ts'
import type { CaptureEnd } from '../../protocol/v1/values.ts'
import { makeSightings } from '../annotate/correlation.ts'
import { watchKeys } from '../annotate/keys.ts'
import { prelude } from '../annotate/prelude.ts'
import { watchedTarget, watchSilence } from '../annotate/silence.ts'
import { interestCheck, watchInterval } from '../output/liveness.ts'
import { writeFailure } from '../output/termination.ts'
import { settleWritten } from '../output/unwritten.ts'
import { capturesOfEach } from '../plan/plan.ts'
import { ownInterfaces, shownName } from '../plan/taps.ts'
import type { PreparedCapture } from '../prepare/prepare.ts'
import type { PreparedLife } from '../prepare/prepare-incarnation.ts'
import type { CaptureContext } from '../request/context.ts'
import type { CaptureReport, InterfaceReport, RunOptions } from '../request/report.ts'
import { type LifeHistory, makeLifeHistory } from './history.ts'
import { type Incarnation, startIncarnation } from './incarnation.ts'
import type { IncarnationReport } from './incarnation-state.ts'
import { type Weave, weaveInto } from './merge.ts'
import {
  describeSession,
  newSession,
  type SessionCommand,
  type SessionEvent,
  type SessionState,
  stepSession,
} from './session-state.ts'

/** Milliseconds a reader that does not read has, when the capture was asked to end. */
const longestEnd = 5_000

/** Notes on targets that are told one by one. */
const mostNotes = 3

type SessionContext = CaptureContext & Omit<RunOptions, 'lifetime'>

/**
 * Runs a merged capture; the incarnations that were prepared are its own from now on.
 * @param output descriptor of the stream, stays the caller's
 * @throws RemoraError when a capture cannot start or breaks; the others are ended then
 */
export async function runMerged(
  prepared: PreparedCapture,
  output: number,
  context: SessionContext,
): Promise<CaptureReport> {
  const session = new Session(prepared, output, context)
  try {
    return await session.run()
  } finally {
    session.close()
  }
}

class Session {
  readonly #prepared: PreparedCapture
  readonly #output: number
  readonly #context: SessionContext
  readonly #log: Log
  readonly #machine: Machine<SessionState, SessionEvent>
  readonly #sink: Sink
  readonly #weave: Weave
  readonly #writeback: ReturnType<typeof watchWriteback>
  readonly #firstNames: Buffer
  readonly #noMore = new AbortController()
  readonly #noKeys = new AbortController()
  readonly #keys: ReturnType<typeof watchKeys> | undefined
  readonly #silence: ReturnType<typeof watchSilence> | undefined
  readonly #numberPackets: ReturnType<typeof makeSightings> | undefined
  readonly #history = makeLifeHistory()
  readonly #running = new Map<number, { readonly incarnation: Incarnation; readonly prepared: PreparedLife }>()
  readonly #reports: IncarnationReport[] = []
  /** Interfaces of incarnations for which there was no place. */
  readonly #turnedAway: string[] = []
  readonly #over = Promise.withResolvers<void>()
  readonly #waits: (() => void)[] = []
  /** The one that has come last. */
  #next: PreparedLife | undefined
  #toldNames: HostName[]
  #names: Pick<NameWatch, 'told'> = { told: more => void this.#toldNames.push(...more) }
  #armedAt: number | undefined

  constructor(prepared: PreparedCapture, output: number, context: SessionContext) {
    const { plan, preface, coming } = prepared
    this.#prepared = prepared
    this.#output = output
    this.#context = context
    this.#log = context.log ?? silentLog
    this.#toldNames = [...preface.names]
    this.#machine = runMachine(newSession(coming !== undefined), stepSession, this.#actions, ({ on }, before, after) =>
      this.#log.debug(`capture, ${on}: ${describeSession(before)} → ${describeSession(after)}`),
    )
    this.#sink = openSink(output)
    this.#weave = this.#openMerge()
    const [header, firstNames] = prelude(preface, fstatSync(output).isFile())
    this.#weave.add(header)
    this.#firstNames = firstNames
    this.#writeback = watchWriteback(output, error => this.#readerGone(error))
    this.#keys = this.#watchKeys()
    this.#numberPackets = plan.annotations.correlation ? makeSightings() : undefined
    this.#silence = context.onSilence && watchSilence(context.onSilence)
  }

  async run(): Promise<CaptureReport> {
    const { lifetime } = this.#context
    const { lives } = this.#prepared
    this.#watchLifetime()
    await this.#keys?.ready
    this.#tellNotes(lives)
    this.#machine.feed({ on: 'begun', count: lives.length })
    this.#awaitMore()
    this.#watchInterest()
    await this.#over.promise
    this.#keys?.readNow()
    if (this.#machine.state().end !== 'reader-gone') await this.#weave.finish()
    const { end, failure } = this.#machine.state()
    if (failure !== undefined) throw failure
    await settleWritten(this.#writeback, lifetime.kill)
    const { packets, late } = this.#weave.written()
    return summed(this.#prepared, this.#reports, {
      ...{ end, history: this.#history, turnedAway: this.#turnedAway, packets, late, seconds: this.#seconds() },
    })
  }

  close(): void {
    for (const cancel of this.#waits) cancel()
    this.#silence?.close()
    this.#writeback.close()
    this.#noMore.abort()
    this.#noKeys.abort()
    this.#weave.close()
    this.#sink.close()
  }

  readonly #actions: Actions<SessionCommand> = {
    begin: ({ id }) => this.#begin(id, this.#prepared.lives[id] as PreparedLife),
    'begin-next': ({ id }) => this.#beginNext(id, this.#next as PreparedLife),
    'turn-away': ({ reason }) => this.#turnAway(this.#next as PreparedLife, reason),
    'close-next': () => this.#next?.close(),
    drain: ({ id }) => this.#running.get(id)?.incarnation.end('drain'),
    interrupt: ({ id }) => this.#running.get(id)?.incarnation.end('interrupt'),
    kill: ({ id }) => this.#running.get(id)?.incarnation.end('kill'),
    forget: ({ id }) => this.#forget(id),
    'stop-awaiting': () => this.#noMore.abort(),
    'write-names': () => this.#weave.add(this.#firstNames),
    'start-clock': () => this.#startClock(),
    'tell-armed': () => this.#context.onArmed?.(),
    'limit-end': () => void this.#waits.push(startSuspendProofTimer(longestEnd, () => this.#weave.close())),
    'close-merge': () => this.#weave.close(),
    flush: () => this.#over.resolve(),
  }

  #openMerge(): Weave {
    const { plan } = this.#prepared
    const { window } = plan
    const late = `packets came more than ${window} ms late and stand out of order: a longer --window waits for them`
    return weaveInto(this.#sink, {
      ...{ stop: plan.stop, window, hold: plan.keys !== undefined },
      onLate: () => this.#context.onSilence?.(late),
      onEnough: () => this.#ask('stop-condition', 'drain'),
      onEnd: reason => this.#readerGone(reason),
    })
  }

  #ask(end: CaptureEnd, how: 'drain' | 'interrupt' | 'kill'): void {
    this.#machine.feed({ on: 'asked', end, how })
  }

  /** @param reason why nothing can be written; undefined when nobody reads */
  #readerGone(reason: unknown): void {
    const failure = reason === undefined ? undefined : writeFailure(reason)
    this.#machine.feed({ on: 'asked', end: 'reader-gone', how: 'interrupt', failure })
  }

  #watchLifetime(): void {
    const { stop, kill } = this.#context.lifetime
    const onStop = () => this.#ask('stopped', 'drain')
    if (stop.aborted) onStop()
    stop.addEventListener('abort', onStop)
    kill.addEventListener('abort', () => this.#ask('killed', 'kill'))
  }

  #watchInterest(): void {
    const isWanted = interestCheck(this.#output, this.#context.parent)
    let ticks = 0
    const timer = setInterval(() => {
      const lost = isWanted()
      if (lost !== undefined) return this.#ask(lost, 'interrupt')
      for (const { incarnation } of this.#running.values()) incarnation.look()
      if (this.#armedAt === undefined || ticks++ % 2 !== 0) return
      this.#context.onProgress?.({ ...this.#weave.written(), seconds: this.#seconds() })
    }, watchInterval)
    this.#waits.push(() => clearInterval(timer))
  }

  #seconds(): number {
    return this.#armedAt === undefined ? 0 : (performance.now() - this.#armedAt) / 1000
  }

  #startClock(): void {
    this.#armedAt = performance.now()
    this.#names = this.#watchNames()
    const { duration } = this.#prepared.plan.stop
    if (duration === undefined) return
    const enough = setTimeout(() => this.#ask('stop-condition', 'drain'), duration * 1000)
    this.#waits.push(() => clearTimeout(enough))
  }

  #watchNames(): Pick<NameWatch, 'told'> {
    if (!this.#prepared.plan.annotations.names) return this.#names
    const { env = process.env } = this.#context
    const onChange = (found: HostName[]) => this.#weave.addNames(found)
    const { signal } = this.#noMore
    return watchNames({ signal, env, known: this.#toldNames, targets: () => this.#targets(), onChange })
  }

  #watchKeys(): ReturnType<typeof watchKeys> | undefined {
    const { keys } = this.#prepared.plan
    return (
      keys &&
      watchKeys({
        files: keys.files,
        namespaces: () => (keys.fromTargets ? this.#targets().map(({ namespace }) => namespace) : []),
        signal: this.#noKeys.signal,
        onBlock: block => this.#weave.add(block),
        onFound: ({ path, pid }) => this.#log.info(`TLS keys of process ${pid} are in ${printable(path)}`),
      })
    )
  }

  #targets(): PreparedLife['target'][] {
    const running = [...this.#running.values()].map(({ prepared }) => prepared)
    return (running.length > 0 ? running : this.#prepared.lives).map(({ target }) => target)
  }

  #tellNotes(lives: readonly PreparedLife[]): void {
    const { onSilence } = this.#context
    const notes = lives.flatMap(({ plan }) => plan.notes)
    for (const note of notes.slice(0, mostNotes)) onSilence?.(note)
    if (notes.length > mostNotes) onSilence?.(`... and the same of ${notes.length - mostNotes} more targets`)
  }

  #begin(id: number, prepared: PreparedLife): void {
    const { places } = this.#prepared
    const { reference } = prepared.plan
    const incarnation = startIncarnation(prepared, {
      ...{ weave: this.#weave, places, log: this.#log, number: this.#numberPackets },
      comment: this.#history.begin(prepared, () => this.#lastOf(reference, id)),
      onLine: line => this.#context.onSilence?.(line),
      onArmed: () => this.#machine.feed({ on: 'armed-late' }),
    })
    this.#running.set(id, { incarnation, prepared })
    incarnation.armed.then(isArmed => {
      const pid = incarnation.pid()
      if (pid !== undefined) {
        incarnation.ended.then(this.#silence?.watch(watchedTarget(prepared, pid, () => incarnation.packets())))
      }
      this.#machine.feed({ on: 'started', id, isArmed })
    })
    incarnation.ended.then(report => this.#noteEnd(id, incarnation, report))
  }

  #noteEnd(id: number, incarnation: Incarnation, report: IncarnationReport): void {
    this.#reports.push(report)
    this.#history.end(incarnation)
    this.#log.info(`a life of ${incarnation.plan.reference} ended: ${report.end}`)
    const failure = report.failure === undefined ? undefined : writeFailure(report.failure)
    this.#machine.feed({ on: 'ended', id, isInterfaceGone: report.end === 'interface-gone', failure })
    this.#running.delete(id)
  }

  #forget(id: number): void {
    const ended = this.#running.get(id)
    if (ended !== undefined) this.#prepared.coming?.forget(ended.prepared.target)
  }

  /** Last packet of the other incarnations of a target. */
  #lastOf(reference: string, except: number): bigint | undefined {
    return [...this.#running]
      .filter(([id, { prepared }]) => id !== except && prepared.plan.reference === reference)
      .map(([, { incarnation }]) => incarnation.lastTime())
      .reduce(
        (last, time) => (time !== undefined && (last ?? 0n) < time ? time : last),
        this.#history.lastTime(reference),
      )
  }

  #awaitMore(): void {
    this.#takeMore().then(
      () => this.#machine.feed({ on: 'none-comes', failure: undefined }),
      error => {
        const failure = isAbort(error, this.#noMore.signal) ? undefined : error
        this.#machine.feed({ on: 'none-comes', failure })
      },
    )
  }

  async #takeMore(): Promise<void> {
    const { coming } = this.#prepared
    for (;;) {
      this.#next = await coming?.next(this.#noMore.signal)
      if (this.#next === undefined) return
      this.#machine.feed({ on: 'come', refusal: this.#refusalOf(this.#next) })
    }
  }

  /** Why there is no place for the interfaces of an incarnation; undefined when there is one. */
  #refusalOf({ plan }: PreparedLife): unknown {
    const { places } = this.#prepared
    const names = namesOf(plan)
    try {
      places.check(names.length * capturesOfEach(plan), names.join(', '))
      return undefined
    } catch (error) {
      return error
    }
  }

  #turnAway({ plan, close }: PreparedLife, reason: unknown): void {
    this.#context.onSilence?.(`${plan.name} has come and is not captured: ${reasonOf(reason)}`)
    this.#turnedAway.push(...namesOf(plan))
    close()
  }

  #beginNext(id: number, next: PreparedLife): void {
    this.#log.info(`${next.plan.reference} joins`)
    this.#names.told(next.plan.names)
    this.#weave.addNames(next.plan.names)
    this.#tellNotes([next])
    this.#begin(id, next)
  }
}

/** Names that the interfaces of a target have in the capture. */
function namesOf(plan: PreparedLife['plan']): string[] {
  return ownInterfaces(plan.taps).map(({ name }) => shownName(plan, name))
}

/** The report of all of them; interfaces of one name are one. */
function summed(
  { plan }: PreparedCapture,
  reports: readonly IncarnationReport[],
  stream: {
    end: CaptureEnd | undefined
    history: LifeHistory
    turnedAway: readonly string[]
    packets: number
    late: number
    seconds: number
  },
): CaptureReport {
  const { end, history, turnedAway, packets, late, seconds } = stream
  const interfaces = new Map<string, InterfaceReport>()
  for (const { name, received, dropped, cut = 0 } of reports.flatMap(report => report.interfaces)) {
    const sum = interfaces.get(name) ?? { name, received: 0, dropped: 0, cut: 0 }
    const allCut = (sum.cut ?? 0) + cut
    interfaces.set(name, {
      ...{ name, received: sum.received + received, dropped: sum.dropped + dropped },
      ...(allCut > 0 && { cut: allCut }),
    })
  }
  const missed = [...new Set([...reports.flatMap(report => report.missed), ...turnedAway])]
  const last = reports.at(-1)
  const ownEnd = last === undefined || last.end === 'asked' ? 'target-gone' : last.end
  const references = history.references()
  return {
    reference: references.length > 0 ? references.join(', ') : plan.reference,
    end: end ?? ownEnd,
    complete: reports.every(({ complete }) => complete),
    ...(missed.length > 0 && { complete: false, missedInterfaces: missed }),
    ...(end === undefined && last?.goneInterface !== undefined && { goneInterface: last.goneInterface }),
    interfaces: [...interfaces.values()],
    packets,
    dropped: [...interfaces.values()].reduce((sum, { dropped }) => sum + dropped, 0),
    ...(late > 0 && { late }),
    seconds,
    lives: reports.length,
  }
}
