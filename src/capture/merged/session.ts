/**
 * A capture of several targets, or of one that is more than dumpcap alone can do: every life of every target is one more
 * part of the same stream. Targets join while it runs, and leave it.
 */
import { fstatSync } from 'node:fs'
import { isAbort } from '../../base/abort.ts'
import { reasonOf } from '../../base/errors.ts'
import { silentLog } from '../../base/log.ts'
import { afterOwnTime } from '../../base/own-time.ts'
import { setInterval, setTimeout } from '../../base/timers.ts'
import { printable } from '../../base/write.ts'
import type { HostName } from '../../discover/resolve/names.ts'
import { type NameWatch, watchNames } from '../../discover/watch/watch-names.ts'
import { openSink } from '../../linux/files/sink.ts'
import { watchWriteback } from '../../linux/files/writeback.ts'
import type { CaptureEnd } from '../../protocol/v1/values.ts'
import { makeSightings } from '../annotate/correlation.ts'
import { watchKeys } from '../annotate/keys.ts'
import { prelude } from '../annotate/prelude.ts'
import { watchedTarget, watchSilence } from '../annotate/silence.ts'
import { interestCheck, watchInterval } from '../output/liveness.ts'
import { writeFailure } from '../output/termination.ts'
import { settleWritten } from '../output/unwritten.ts'
import { capturesOfEach, shownName } from '../plan/plan.ts'
import type { PreparedCapture } from '../prepare/prepare.ts'
import type { PreparedLife } from '../prepare/prepare-incarnation.ts'
import type { CaptureContext } from '../request/context.ts'
import type { CaptureReport, InterfaceReport, RunOptions } from '../request/report.ts'
import { type LifeHistory, makeLifeHistory } from './history.ts'
import { type Incarnation, startIncarnation } from './incarnation.ts'
import type { IncarnationReport } from './incarnation-state.ts'
import { weaveInto } from './merge.ts'

/** Milliseconds a reader that does not read has, when the capture was asked to end. */
const longestEnd = 5_000

/** Notes on targets that are told one by one. */
const mostNotes = 3

/**
 * Runs a woven capture; the lives that were prepared are its own from now on.
 * @param output descriptor of the stream, stays the caller's
 * @throws RemoraError when a capture cannot start or breaks; the others are ended then
 */
export async function runWoven(
  prepared: PreparedCapture,
  output: number,
  context: CaptureContext & Omit<RunOptions, 'lifetime'>,
): Promise<CaptureReport> {
  const { lifetime, parent, log = silentLog, env = process.env, onProgress } = context
  const { request, plan, coming, places } = prepared
  const lives = new Map<Incarnation, PreparedLife>()
  const reports: IncarnationReport[] = []
  /** Interfaces of lives for which there was no place. */
  const turnedAway: string[] = []
  const over = Promise.withResolvers<void>()
  const noMore = new AbortController()
  const noKeys = new AbortController()
  const history = makeLifeHistory()
  let end: CaptureEnd | undefined
  let failure: unknown
  let isComing = coming !== undefined
  let armedAt: number | undefined
  let timer: NodeJS.Timeout | undefined
  const waits: (() => void)[] = []
  const seconds = () => (armedAt === undefined ? 0 : (performance.now() - armedAt) / 1000)

  const finish = (why: CaptureEnd, how: 'drain' | 'interrupt' | 'kill') => {
    end ??= why
    noMore.abort()
    for (const life of lives.keys()) life.end(how)
    check()
  }
  const check = () => {
    if (lives.size === 0 && (!isComing || end !== undefined)) over.resolve()
  }
  const sink = openSink(output)
  const weave = weaveInto(sink, {
    stop: request.stop,
    window: plan.window,
    hold: request.keys !== undefined,
    onLate() {
      const line = `packets came more than ${plan.window} ms late and stand out of order: a longer --window waits for them`
      context.onSilence?.(line)
    },
    onEnough: () => finish('stop-condition', 'drain'),
    onEnd(reason) {
      if (reason !== undefined) failure ??= writeFailure(reason)
      finish('reader-gone', 'interrupt')
    },
  })

  const [header, firstNames] = prelude(prepared.preface, fstatSync(output).isFile())
  weave.add(header)
  const writeback = watchWriteback(output, error => {
    failure ??= writeFailure(error)
    finish('reader-gone', 'interrupt')
  })

  /** Last packet of the other lives of a target. */
  const lastOf = (reference: string, except: Incarnation) =>
    [...lives.keys()]
      .filter(life => life !== except && life.plan.reference === reference)
      .map(life => life.lastTime())
      .reduce((last, time) => (time !== undefined && (last ?? 0n) < time ? time : last), history.lastTime(reference))

  const tellNotes = (lives: readonly PreparedLife[]) => {
    const notes = lives.flatMap(({ plan }) => plan.notes)
    for (const note of notes.slice(0, mostNotes)) context.onSilence?.(note)
    if (notes.length > mostNotes) context.onSilence?.(`... and the same of ${notes.length - mostNotes} more targets`)
  }

  const begin = (prepared: PreparedLife): Incarnation => {
    const { reference } = prepared.plan
    const comment = history.begin(prepared, () => lastOf(reference, life))
    const onLine = (line: string) => context.onSilence?.(line)
    const onArmed = () => arm()
    const life = startIncarnation(prepared, {
      weave,
      places,
      log,
      request,
      comment,
      number: numberPackets,
      onLine,
      onArmed,
    })
    lives.set(life, prepared)
    life.armed.then(() => {
      const pid = life.pid()
      if (pid !== undefined) life.ended.then(silence?.watch(watchedTarget(prepared, pid, life.packets)))
    })
    life.ended.then(report => {
      lives.delete(life)
      reports.push(report)
      history.end(life)
      log.info(`a life of ${reference} ended: ${report.end}`)
      if (report.failure !== undefined) {
        failure ??= writeFailure(report.failure)
        finish('stopped', 'drain')
      }
      if (report.end === 'interface-gone') coming?.forget(prepared.target)
      check()
    })
    return life
  }

  const targets = () => [...(lives.size > 0 ? lives.values() : prepared.lives)].map(({ target }) => target)
  const told = [...prepared.preface.names]
  let names: Pick<NameWatch, 'told'> = { told: more => void told.push(...more) }
  const startNames = () => {
    if (!request.names) return names
    const onChange = (found: HostName[]) => weave.addNames(found)
    return watchNames({ signal: noMore.signal, env, known: told, targets, onChange })
  }
  const namespaces = () => (request.keys?.fromTargets ? targets().map(({ namespace }) => namespace) : [])
  const keys =
    request.keys &&
    watchKeys({
      files: request.keys.files,
      namespaces,
      signal: noKeys.signal,
      onBlock: block => weave.add(block),
      onFound: ({ path, pid }) => log.info(`TLS keys of process ${pid} are in ${printable(path)}`),
    })

  const numberPackets = request.at === 'both' ? makeSightings() : undefined
  const silence = context.onSilence && watchSilence(context.onSilence)

  /** Time counts from the first life that is armed, which need not be the first there was. */
  const arm = () => {
    if (end !== undefined) return
    if (armedAt === undefined) {
      armedAt = performance.now()
      names = startNames()
      const { duration } = request.stop
      if (duration !== undefined) {
        const enough = setTimeout(() => finish('stop-condition', 'drain'), duration * 1000)
        waits.push(() => clearTimeout(enough))
      }
    }
    context.onArmed?.()
  }

  /** One for which there is no place is no reason to end the others. */
  const hasPlaces = (life: PreparedLife): boolean => {
    const { plan, close } = life
    const interfaces = plan.dumpcap.interfaces.map(({ name }) => shownName(plan, name))
    try {
      places.check(interfaces.length * capturesOfEach(request), interfaces.join(', '))
      return true
    } catch (error) {
      context.onSilence?.(`${plan.name} has come and is not captured: ${reasonOf(error)}`)
      turnedAway.push(...interfaces)
      close()
      return false
    }
  }

  const awaitLives = async () => {
    for (;;) {
      const next = await coming?.next(noMore.signal)
      if (next === undefined) break
      if (end !== undefined) {
        next.close()
        break
      }
      if (!hasPlaces(next)) continue
      log.info(`${next.plan.reference} joins`)
      names.told(next.plan.names)
      weave.addNames(next.plan.names)
      tellNotes([next])
      begin(next).armed.then(ready => {
        if (ready) arm()
      })
    }
  }

  lifetime.stop.addEventListener('abort', () => {
    finish('stopped', 'drain')
    waits.push(afterOwnTime(longestEnd, () => weave.close()))
  })
  lifetime.kill.addEventListener('abort', () => {
    finish('killed', 'kill')
    weave.close()
  })

  try {
    await keys?.ready
    tellNotes(prepared.lives)
    const armed = Promise.all(prepared.lives.map(life => begin(life).armed))
    if (lifetime.stop.aborted) finish('stopped', 'drain')
    awaitLives()
      .catch(error => {
        if (!isAbort(error, noMore.signal)) failure ??= error
      })
      .finally(() => {
        isComing = false
        check()
      })
    const isWanted = interestCheck(output, parent)
    let ticks = 0
    timer = setInterval(() => {
      const lost = isWanted()
      if (lost !== undefined) return finish(lost, 'interrupt')
      for (const life of lives.keys()) life.look()
      if (armedAt !== undefined && ticks++ % 2 === 0) onProgress?.({ ...weave.written(), seconds: seconds() })
    }, watchInterval)
    armed.then(ready => {
      weave.add(firstNames)
      if (ready.some(Boolean)) arm()
    })
    await over.promise
    keys?.readNow()
    await Promise.race([weave.finish(), end === 'reader-gone' ? undefined : new Promise(() => {})])
    if (failure !== undefined) throw failure
    await settleWritten(writeback, lifetime.kill)
    const { packets, late } = weave.written()
    return summed(prepared, reports, { end, history, turnedAway, packets, late, seconds: seconds() })
  } finally {
    clearInterval(timer)
    for (const cancel of waits) cancel()
    silence?.close()
    writeback.close()
    noMore.abort()
    noKeys.abort()
    weave.close()
    sink.close()
  }
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
