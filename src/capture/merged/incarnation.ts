/**
 * One life of one target in a woven stream: a source for each of its interfaces, also for those that come later, and the
 * head, where it was waited for.
 */
import { reasonOf } from '../../base/errors.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { type LocalPipe, makePipes } from '../../linux/files/fifo.ts'
import { isStillThere } from '../../linux/namespace/netns.ts'
import { listInterfaces } from '../../linux/network/iproute.ts'
import { readDeviceCounters } from '../../linux/network/net-dev.ts'
import { hasName, type NetworkInterface } from '../../model/interface.ts'
import type { NumberPacket } from '../annotate/correlation.ts'
import { both, directionOf } from '../annotate/direction.ts'
import { capturesOfEach, maxMergedInterfaces, type SourcePlan, shownName } from '../plan/plan.ts'
import type { PreparedLife } from '../prepare/prepare-incarnation.ts'
import type { Places } from '../request/places.ts'
import type { InterfaceReport } from '../request/report.ts'
import type { CaptureRequest } from '../request/request.ts'
import { allGone, isGone } from '../taps/gone.ts'
import { type CapturePlace, findPoints } from '../taps/points.ts'
import { openSeam, type Seam } from './handover.ts'
import { type RunningSource, type SourceEnd, startSource } from './interface-capture.ts'
import type { Weave } from './merge.ts'

/** Why a life is captured no longer. */
export type LifeEnd = 'asked' | 'target-gone' | 'interface-gone'

/** How the capture of a life went. */
export interface LifeReport {
  readonly end: LifeEnd
  readonly complete: boolean
  readonly goneInterface: string | undefined
  readonly interfaces: readonly InterfaceReport[]
  /** Names of interfaces that came up later and could not be captured. */
  readonly missed: readonly string[]
  /** What broke; undefined when nothing did. */
  readonly failure: unknown
}

/** The running capture of a life. */
export interface Life {
  readonly plan: SourcePlan
  /** True when an interface is armed, and none of the others to come; false when it ended before. */
  readonly armed: Promise<boolean>
  /** Never fails. */
  readonly ended: Promise<LifeReport>
  /** Looks whether the target is there still, and which interfaces it has. Called twice a second. */
  look(): void
  /** A process in its namespace; undefined while there is none. */
  pid(): number | undefined
  /** Packets in the stream so far. */
  packets(): number
  /** Time of the last packet, nanoseconds since 1970; undefined before the first. */
  lastTime(): bigint | undefined
  drain(): void
  interrupt(): void
  kill(): void
}

/** What all lives of one stream have in common, and what is this one's own. */
export interface LifeOptions {
  readonly weave: Weave
  /** For its interfaces, which it gives back one by one. */
  readonly places: Places
  readonly log?: Log | undefined
  readonly request: CaptureRequest
  /** Makes what numbers the packets of one more point. */
  readonly number?: (() => NumberPacket) | undefined
  /** Called when the first interface is armed after `armed` was false. */
  readonly onArmed?: (() => void) | undefined
  /** Told in a line for people what is not captured. */
  readonly onLine?: ((line: string) => void) | undefined
  /** Comment for its first packet, made when that is known. */
  readonly comment?: ((time: bigint) => string | undefined) | undefined
}

/** Starts the capture of a life, which owns what was prepared from now on. */
export function startLife(prepared: PreparedLife, options: LifeOptions): Life {
  const { plan, target, head } = prepared
  const { weave, places, log = silentLog, request } = options
  // It goes on without any interface, for as long as the namespace is there.
  const stay = request.follow
  const { namespace } = target
  const running = new Map<string, RunningSource>()
  const near = new WeakMap<RunningSource, CapturePlace>()
  const ends: SourceEnd[] = []
  const leftOut = prepared.interfaces.filter(nif => prepared.leftOut.some(({ name }) => name === nif.name))
  // Interfaces that are not tried again.
  const refused = new Set(leftOut.map(identity))
  const missed: string[] = []
  let tooMany = false
  const over = Promise.withResolvers<void>()
  let last: bigint | undefined
  let failure: unknown
  let end: LifeEnd | undefined
  let isArmed = false
  let hasStarted = false
  let isHeadOver = false
  let starting = 0
  let known: string | undefined
  let looking = false

  const noteTime = (time: bigint | undefined) => {
    if (time !== undefined && (last === undefined || time > last)) last = time
  }
  const comment = options.comment && once(options.comment)
  const seam =
    head &&
    openSeam(head, weave, plan, {
      ...{ comment, withDirection: request.direction === true },
      isWanted: index =>
        plan.everyInterface
          ? !leftOut.some(nif => nif.index === index)
          : (plan.interfaceIndexes?.includes(index) ?? true),
    })

  const noteHeadOver = () => {
    isHeadOver = true
  }
  seam?.woven.done.then(noteHeadOver, noteHeadOver)

  const check = () => {
    if (running.size > 0 || starting > 0) return
    if (end === undefined && failure === undefined && isStillThere(namespace) && stay) return
    if (end === undefined) {
      end = isStillThere(namespace) ? 'interface-gone' : 'target-gone'
      seam?.finish()
    }
    over.resolve()
  }

  /** @returns whether one of them is armed, and none has failed */
  const start = async (
    plan: SourcePlan,
    names: readonly string[],
    interfaces: readonly NetworkInterface[],
  ): Promise<boolean> => {
    starting++
    const chosen = plan.dumpcap.interfaces.filter(({ name }) => names.includes(name))
    let release = () => {}
    try {
      const { points, close } = await findPoints(target, plan, chosen, interfaces, request.at ?? 'inside')
      release = close
      const wanted = points.filter(point => !running.has(keyOf(point)))
      places.take(wanted.length, `${wanted.length} interfaces of ${plan.name}`)
      const pipes = await makePipes(wanted.length)
      const sources = wanted.map((point, index) => begin(plan, point, pipes[index] as LocalPipe))
      const ready = await Promise.all(sources.map(isReady))
      for (const { name } of chosen) {
        const nif = interfaces.find(one => one.name === name)
        const isMissing = wanted.some(({ near }, index) => near === name && !ready[index])
        if (!isMissing) seam?.cut(nif?.index ?? 0, nif?.loopback === true)
      }
      return ready.some(Boolean) && failure === undefined
    } finally {
      release()
      starting--
      check()
    }
  }

  const begin = (plan: SourcePlan, point: CapturePlace, pipe: LocalPipe): RunningSource => {
    const number = options.number?.()
    const decorate = (linkType: number) => {
      const direct = request.direction ? directionOf(linkType, point.facts) : undefined
      return direct && number ? both(direct, number) : (direct ?? number)
    }
    const index = point.facts?.index ?? 0
    const source = startSource({
      namespace: point.namespace,
      options: { ...plan.dumpcap, interfaces: [point.nif], counting: false },
      immediate: request.immediate === true,
      ...{
        pipe,
        weave,
        strand: {
          ...{ name: point.shown, comment, decorate, onCut: () => tellOfCut(point) },
          accept: isHeadOver ? undefined : seam?.acceptOf(index),
        },
      },
    })
    let wasArmed = false
    source.ready.then(ready => {
      wasArmed = ready
    })
    running.set(keyOf(point), source)
    near.set(source, point)
    if (end !== undefined) source.interrupt()
    source.ready.then(ready => ready && log.info(`${plan.name}/${point.key} is captured`))
    source.ended.then(ended => {
      running.delete(keyOf(point))
      places.giveBack(1)
      // It may come again under the same name.
      known = undefined
      noteTime(source.woven.lastTime())
      if (end === undefined && !isCaptured(index)) seam?.mend(index, source.woven.lastTime())
      ends.push(ended)
      log.info(`${plan.name}/${point.key} ended: ${JSON.stringify(ended.report)}`)
      if (ended.failure !== undefined && !isRace(ended.failure)) {
        if (isArmed && !wasArmed) miss(point, ended.failure)
        else failure ??= ended.failure
      }
      // The others would never be armed together.
      if (failure !== undefined && !isArmed) each('interrupt', 'asked')
      check()
    })
    return source
  }

  /** One that came later and cannot be captured is no reason to end the others. */
  const miss = ({ shown, facts }: CapturePlace, reason: unknown) => {
    if (facts !== undefined) refused.add(identity(facts))
    missed.push(shown)
    options.onLine?.(`${shown} has come up in ${plan.name} and cannot be captured: ${reasonOf(reason)}`)
  }

  const tellOfCut = ({ shown }: CapturePlace) =>
    options.onLine?.(
      `long packets of ${shown} are cut (BIG TCP): --immediate keeps 64 KiB of each, a capture without it keeps all`,
    )

  const tellOfTooMany = () => {
    if (tooMany) return
    tooMany = true
    options.onLine?.(
      `more interfaces of ${plan.name} are up than can be captured one by one (${maxMergedInterfaces}, fewer among several targets): those that come later are not captured`,
    )
  }

  /** A source in the namespace itself. */
  const inside = () => [...running.values()].find(source => near.get(source)?.namespace === namespace)
  /** By its index, since an interface that is renamed is captured on. */
  const isCaptured = (index: number) => [...running.values()].some(source => near.get(source)?.facts?.index === index)

  /** An interface that has gone between the look and the start; or all of them, with the target. */
  const isRace = (error: unknown) =>
    isGone({ everyInterface: plan.everyInterface || stay || running.size > 0 }, error) || !isStillThere(namespace)

  /** @returns whether every interface that is up is captured, or known as one that cannot be */
  const join = async (): Promise<boolean> => {
    if (looking || end !== undefined) return false
    if (plan.interfaceIndexes === undefined) return true
    const source = inside()
    const counters = source && readDeviceCounters(source.pid)
    const names = counters && [...counters.keys()].join(' ')
    if (names !== undefined && names === known) return true
    looking = true
    try {
      const interfaces = await listInterfaces(namespace)
      const wanted = interfaces.filter(
        nif => request.interfaces.length === 0 || request.interfaces.some(name => hasName(nif, name)),
      )
      // One that is down is looked at again, and whether one that was refused is the same still.
      known = wanted.every(({ up }) => up) && refused.size === 0 ? names : undefined
      const come = wanted.filter(nif => nif.up && !refused.has(identity(nif)) && !isCaptured(nif.index))
      const free = Math.min(maxMergedInterfaces - running.size, Math.floor(places.free() / capturesOfEach(request)))
      const fresh = come.slice(0, Math.max(0, free)).map(({ name }) => name)
      if (fresh.length < come.length) tellOfTooMany()
      if (end !== undefined) return false
      if (fresh.length === 0) return true
      log.info(`${plan.name}: interfaces ${fresh.join(', ')} have come`)
      const replanned = prepared.replan(interfaces.map(nif => ({ ...nif, up: fresh.includes(nif.name) })))
      if ((await start(replanned, fresh, interfaces)) && hasStarted && !isArmed) {
        isArmed = true
        options.onArmed?.()
      }
    } catch (error) {
      log.debug(`${plan.name}: ${error}`)
    } finally {
      looking = false
    }
    return false
  }

  const each = (how: 'drain' | 'interrupt' | 'kill', why: LifeEnd) => {
    end ??= why
    for (const source of running.values()) source[how]()
    if (how === 'kill') seam?.close()
    else seam?.finish()
    check()
  }

  /** Starts with the interfaces of the plan, and where all of them have gone meanwhile, with those that are up now. */
  const startFirst = async (): Promise<boolean> => {
    starting++
    try {
      const names = plan.dumpcap.interfaces.map(({ name }) => name)
      if (await start(plan, names, prepared.interfaces)) return true
      if (failure !== undefined || end !== undefined || !plan.everyInterface || !isStillThere(namespace)) return false
      await join()
      const isAny = (await Promise.all([...running.values()].map(isReady))).some(Boolean)
      if (!isAny && !stay) failure ??= allGone(plan)
      return isAny && failure === undefined
    } catch (error) {
      failure = error
      return false
    } finally {
      starting--
      check()
    }
  }

  const armed = startFirst().then(ready => {
    hasStarted = true
    isArmed = ready
    if (!ready && !stay) seam?.finish()
    return ready
  })
  const ended = over.promise.then(async (): Promise<LifeReport> => {
    await seam?.woven.done.catch(() => {})
    noteTime(seam?.woven.lastTime())
    // Its life was shorter than opening its interfaces takes: what the head has is all there is.
    const short = seam !== undefined && !seam.isCut() && !isStillThere(namespace)
    prepared.close()
    return {
      end: end ?? 'asked',
      complete: !tooMany && ends.every(({ complete, report }) => complete || missed.includes(report.name)),
      goneInterface: end === 'interface-gone' ? ends.findLast(({ gone }) => gone)?.report.name : undefined,
      interfaces: [
        ...(seam === undefined || seam.lost() === 0 ? [] : [headReport(plan, seam)]),
        ...ends.filter(({ report }) => !missed.includes(report.name)).map(({ report }) => report),
      ],
      missed,
      failure: short ? undefined : failure,
    }
  })
  return {
    plan,
    armed,
    ended,
    look() {
      if (end === undefined && !isStillThere(namespace)) each('drain', 'target-gone')
      else join().then(isAll => isAll && seam?.isSettled() && seam.finish())
    },
    lastTime() {
      for (const { woven } of running.values()) noteTime(woven.lastTime())
      noteTime(seam?.woven.lastTime())
      return last
    },
    pid: () => inside()?.pid,
    packets: () => [...running.values()].reduce((sum, { woven }) => sum + woven.packets(), seam?.woven.packets() ?? 0),
    drain: () => each('drain', 'asked'),
    interrupt: () => each('interrupt', 'asked'),
    kill: () => each('kill', 'asked'),
  }
}

/** What the head counted, which is told where it has lost packets. */
function headReport(plan: SourcePlan, seam: Seam): InterfaceReport {
  return { name: shownName(plan, 'any'), received: seam.woven.packets(), dropped: seam.lost() }
}

/** Whether a source captures; one that does not has told why when this is known. */
async function isReady({ ready, ended }: RunningSource): Promise<boolean> {
  if (await ready) return true
  await ended
  return false
}

function keyOf({ key, facts }: CapturePlace): string {
  return `${facts?.index ?? 0} ${key}`
}

/** What tells an interface from another of its name, or of its index. */
function identity({ index, name, linkType }: Pick<NetworkInterface, 'index' | 'name' | 'linkType'>): string {
  return `${index} ${linkType} ${name}`
}

/** A comment that is made once, whichever source comes first. */
function once(comment: (time: bigint) => string | undefined): (time: bigint) => string | undefined {
  let told = false
  return time => {
    if (told) return undefined
    told = true
    return comment(time)
  }
}
