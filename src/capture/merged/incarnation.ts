/**
 * One incarnation of a target in a merged stream: a capture of each of its interfaces, also of those that come later, and the
 * early capture, where it was waited for. This file carries out what {@link stepIncarnation} decides.
 */
import { closeSync } from 'node:fs'
import { reasonOf } from '../../base/errors.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { type Actions, type CommandOf, type Machine, runMachine } from '../../base/machine.ts'
import { type LocalPipe, makePipes } from '../../linux/files/fifo.ts'
import { isStillThere } from '../../linux/namespace/netns.ts'
import { listInterfaces } from '../../linux/network/iproute.ts'
import { readDeviceCounters } from '../../linux/network/net-dev.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import type { NumberPacket } from '../annotate/correlation.ts'
import { both, directionOf } from '../annotate/direction.ts'
import { capturesOfEach, maxMergedInterfaces, type SourcePlan } from '../plan/plan.ts'
import { dumpcapOptions, planTaps, shownName } from '../plan/taps.ts'
import type { PreparedLife } from '../prepare/prepare-incarnation.ts'
import type { Places } from '../request/places.ts'
import { allGone } from '../taps/gone.ts'
import { type CapturePlace, findPoints } from '../taps/points.ts'
import { type Handover, openHandover } from './handover.ts'
import {
  describeIncarnation,
  type IncarnationCommand,
  type IncarnationEvent,
  type IncarnationFacts,
  type IncarnationReport,
  type IncarnationState,
  identityOf,
  newIncarnation,
  reportIncarnation,
  type Start,
  stepIncarnation,
  type Tap,
} from './incarnation-state.ts'
import { type Asked, type RunningSource, startSource } from './interface-capture.ts'
import type { Weave } from './merge.ts'

/** The running capture of an incarnation. */
export interface Incarnation {
  readonly plan: SourcePlan
  /** True when an interface is armed, and none of the others to come; false when it ended before. */
  readonly armed: Promise<boolean>
  /** Never fails. */
  readonly ended: Promise<IncarnationReport>
  /** Looks whether the target is there still, and which interfaces it has. Called twice a second. */
  look(): void
  /** A process in its namespace; undefined while there is none. */
  pid(): number | undefined
  /** Packets in the stream so far. */
  packets(): number
  /** Time of the last packet, nanoseconds since 1970; undefined before the first. */
  lastTime(): bigint | undefined
  /** Ends it; the first call counts, but for a kill. */
  end(how: Asked): void
}

/** What all incarnations of one stream have in common, and what is this one's own. */
export interface IncarnationOptions {
  readonly weave: Weave
  /** For its interfaces, which it gives back one by one. */
  readonly places: Places
  readonly log?: Log | undefined
  /** Makes what numbers the packets of one more point. */
  readonly number?: (() => NumberPacket) | undefined
  /** Called when the first interface is armed after `armed` was false. */
  readonly onArmed?: (() => void) | undefined
  /** Told in a line for people what is not captured. */
  readonly onLine?: ((line: string) => void) | undefined
  /** Comment for its first packet, made when that is known. */
  readonly comment?: ((time: bigint) => string | undefined) | undefined
}

/** Starts the capture of an incarnation, which owns what was prepared from now on. */
export function startIncarnation(prepared: PreparedLife, options: IncarnationOptions): Incarnation {
  return new RunningIncarnation(prepared, options)
}

/** Taps of one start, with what was taken for them. */
interface Opening {
  /** Interfaces that the target has now, and names of those that are started. */
  readonly interfaces: readonly NetworkInterface[]
  readonly names: readonly string[]
  readonly taps: readonly { readonly place: CapturePlace; readonly pipe: LocalPipe }[]
  /** Releases the namespaces of other ends. */
  release(): void
}

type Command<D extends IncarnationCommand['do']> = CommandOf<IncarnationCommand, D>
type Event = IncarnationEvent extends infer E ? (E extends IncarnationEvent ? Omit<E, 'isThere'> : never) : never

class RunningIncarnation implements Incarnation {
  readonly plan: SourcePlan
  readonly armed: Promise<boolean>
  readonly ended: Promise<IncarnationReport>
  readonly #prepared: PreparedLife
  readonly #options: IncarnationOptions
  readonly #log: Log
  readonly #machine: Machine<IncarnationState, IncarnationEvent>
  readonly #handover: Handover | undefined
  readonly #comment: ((time: bigint) => string | undefined) | undefined
  readonly #started = Promise.withResolvers<boolean>()
  readonly #over = Promise.withResolvers<void>()
  readonly #openings = new Map<Start, Opening>()
  readonly #captures = new Map<string, { readonly place: CapturePlace; readonly source: RunningSource }>()
  #isEarlyOver = false
  #last: bigint | undefined

  constructor(prepared: PreparedLife, options: IncarnationOptions) {
    const { plan, leftOut, interfaces } = prepared
    this.plan = plan
    this.#prepared = prepared
    this.#options = options
    this.#log = options.log ?? silentLog
    this.#comment = options.comment && once(options.comment)
    const unfit = interfaces.filter(nif => leftOut.some(({ name }) => name === nif.name))
    this.#handover = this.#openHandover(unfit)
    this.armed = this.#started.promise
    this.ended = this.#over.promise.then(() => this.#conclude())
    const facts = factsOf(plan)
    this.#machine = runMachine(
      newIncarnation(new Set(unfit.map(identityOf))),
      (state, event: IncarnationEvent) => stepIncarnation(state, event, facts),
      this.#actions,
      ({ on }, before, after) =>
        this.#log.debug(`${plan.reference}, ${on}: ${describeIncarnation(before)} → ${describeIncarnation(after)}`),
    )
    this.#feed({ on: 'begun' })
  }

  look(): void {
    this.#feed({ on: 'ticked' })
  }

  end(how: Asked): void {
    this.#feed({ on: 'asked', how })
  }

  pid(): number | undefined {
    return this.#inside()?.pid
  }

  packets(): number {
    const early = this.#handover?.woven.packets() ?? 0
    return [...this.#captures.values()].reduce((sum, { source }) => sum + source.woven.packets(), early)
  }

  lastTime(): bigint | undefined {
    for (const { source } of this.#captures.values()) this.#noteTime(source.woven.lastTime())
    this.#noteTime(this.#handover?.woven.lastTime())
    return this.#last
  }

  #noteTime(time: bigint | undefined): void {
    if (time !== undefined && (this.#last === undefined || time > this.#last)) this.#last = time
  }

  #openHandover(unfit: readonly NetworkInterface[]): Handover | undefined {
    const { head, plan } = this.#prepared
    const { weave } = this.#options
    if (head === undefined) return undefined
    const handover = openHandover(head, weave, plan, {
      ...{ comment: this.#comment, withDirection: plan.annotations.direction },
      isWanted: index =>
        plan.everyInterface
          ? !unfit.some(nif => nif.index === index)
          : (plan.interfaceIndexes?.includes(index) ?? true),
    })
    const noteOver = () => {
      this.#isEarlyOver = true
    }
    handover.woven.done.then(noteOver, noteOver)
    return handover
  }

  #feed(event: Event): void {
    this.#machine.feed({ ...event, isThere: isStillThere(this.#prepared.target.namespace) })
  }

  readonly #actions: Actions<IncarnationCommand> = {
    open: command => void this.#open(command),
    begin: command => void this.#begin(command),
    'give-back': ({ count }) => this.#options.places.giveBack(count),
    drain: ({ key }) => this.#captures.get(key)?.source.drain(),
    interrupt: ({ key }) => this.#captures.get(key)?.source.interrupt(),
    kill: ({ key }) => this.#captures.get(key)?.source.kill(),
    'read-devices': () => this.#readDevices(),
    list: () => void this.#list(),
    'hand-back': ({ key, index }) => this.#handover?.handBack(index, this.#captures.get(key)?.source.woven.lastTime()),
    'finish-early': () => this.#handover?.finish(),
    'close-early': () => this.#handover?.close(),
    'finish-settled-early': () => this.#handover?.isSettled() && this.#handover.finish(),
    say: ({ line }) => this.#options.onLine?.(line),
    'tell-missed': ({ shown, reason }) =>
      this.#options.onLine?.(`${shown} has come up in ${this.plan.name} and cannot be captured: ${reasonOf(reason)}`),
    'tell-started': ({ isArmed }) => this.#started.resolve(isArmed),
    'tell-armed': () => this.#options.onArmed?.(),
    conclude: () => this.#over.resolve(),
  }

  /** Takes places and makes pipes for what is not captured yet. */
  async #open(command: Command<'open'>): Promise<void> {
    const { start } = command
    const { plan } = this
    const { target, interfaces: known } = this.#prepared
    try {
      const opening =
        start === 'first'
          ? { taps: plan.taps, interfaces: known }
          : { taps: planTaps(plan, comeOf(command), command.interfaces), interfaces: command.interfaces }
      const names = [...new Set(opening.taps.map(tap => tap.interface.name))]
      if (start === 'look') this.#log.info(`${plan.name}: interfaces ${names.join(', ')} have come`)
      const { points, close } = await findPoints(target, opening.taps, opening.interfaces)
      const wanted = points.filter(point => !this.#captures.has(keyOf(point)))
      const pipes = await this.#takePipes(wanted.length).catch(error => {
        close()
        throw error
      })
      const taps = wanted.map((place, index) => ({ place, pipe: pipes[index] as LocalPipe }))
      this.#openings.set(start, { names, interfaces: opening.interfaces, taps, release: close })
      this.#feed({ on: 'opened', start, taps: wanted.map(tapOf) })
    } catch (error) {
      this.#failStart(start, error, 0)
    }
  }

  async #takePipes(count: number): Promise<LocalPipe[]> {
    const { places } = this.#options
    places.take(count, `${count} interfaces of ${this.plan.name}`)
    try {
      return await makePipes(count)
    } catch (error) {
      places.giveBack(count)
      throw error
    }
  }

  #failStart(start: Start, error: unknown, held: number): void {
    this.#log.debug(`${this.plan.name}: ${error}`)
    this.#feed({ on: 'start-failed', start, error, held })
  }

  /** Begins taps of what was opened, and waits until each of them is armed or has ended. */
  async #begin({ start, keys }: Command<'begin'>): Promise<void> {
    const opening = this.#openings.get(start) as Opening
    this.#openings.delete(start)
    const rest = [...opening.taps]
    const begun: { readonly place: CapturePlace; readonly source: RunningSource }[] = []
    try {
      for (let tap = rest.shift(); tap !== undefined; tap = rest.shift()) {
        const { place, pipe } = tap
        if (keys.has(keyOf(place))) begun.push({ place, source: this.#beginTap(place, pipe) })
        else closePipe(pipe)
      }
      const ready = await Promise.all(begun.map(({ source }) => isReady(source)))
      this.#takeOver(opening, new Set(begun.filter((_, index) => !ready[index]).map(({ place }) => place.near)))
      opening.release()
      this.#feed({ on: 'started', start, isReady: ready.some(Boolean) })
    } catch (error) {
      for (const { pipe } of rest) closePipe(pipe)
      opening.release()
      this.#failStart(start, error, keys.size - begun.length)
    }
  }

  /** Interfaces that are armed take over from the early capture. */
  #takeOver({ names, interfaces }: Opening, failed: ReadonlySet<string>): void {
    for (const name of names.filter(name => !failed.has(name))) {
      const nif = interfaces.find(one => one.name === name)
      this.#handover?.takeOver(nif?.index ?? 0, nif?.loopback === true)
    }
  }

  #beginTap(place: CapturePlace, pipe: LocalPipe): RunningSource {
    const { weave } = this.#options
    const { tap } = place
    const source = startSource({
      namespace: place.namespace,
      options: dumpcapOptions([tap], this.plan.comment),
      immediate: tap.program === 'tcpdump',
      ...{ pipe, weave },
      strand: {
        ...{ name: place.shown, comment: this.#comment, decorate: this.#decoratorOf(place) },
        onCut: () => this.#tellOfCut(place),
        accept: this.#isEarlyOver ? undefined : this.#handover?.acceptOf(place.facts?.index ?? 0),
      },
    })
    const key = keyOf(place)
    this.#captures.set(key, { place, source })
    this.#feed({ on: 'tap-begun', tap: tapOf(place) })
    source.ready.then(ready => {
      if (!ready) return
      this.#log.info(`${this.plan.name}/${place.key} is captured`)
      this.#feed({ on: 'armed', key })
    })
    source.ended.then(end => {
      this.#noteTime(source.woven.lastTime())
      this.#log.info(`${this.plan.name}/${place.key} ended: ${JSON.stringify(end.report)}`)
      this.#feed({ on: 'ended', key, end })
      this.#captures.delete(key)
    })
    return source
  }

  #decoratorOf({ facts, tap }: CapturePlace) {
    const number = this.#options.number?.()
    return (linkType: number) => {
      const direct = tap.annotations.direction ? directionOf(linkType, facts) : undefined
      return direct && number ? both(direct, number) : (direct ?? number)
    }
  }

  #tellOfCut({ shown }: CapturePlace): void {
    this.#options.onLine?.(
      `long packets of ${shown} are cut (BIG TCP): --immediate keeps 64 KiB of each, a capture without it keeps all`,
    )
  }

  /** A capture in the namespace itself. */
  #inside(): RunningSource | undefined {
    const { namespace } = this.#prepared.target
    return [...this.#captures.values()].find(({ place }) => place.namespace === namespace)?.source
  }

  #readDevices(): void {
    const source = this.#inside()
    const counters = source && readDeviceCounters(source.pid)
    this.#feed({ on: 'devices-read', names: counters && [...counters.keys()].join(' ') })
  }

  async #list(): Promise<void> {
    try {
      const interfaces = await listInterfaces(this.#prepared.target.namespace)
      this.#feed({ on: 'listed', interfaces, free: this.#options.places.free() })
    } catch (error) {
      this.#log.debug(`${this.plan.name}: ${error}`)
      this.#feed({ on: 'list-failed' })
    }
  }

  async #conclude(): Promise<IncarnationReport> {
    const { plan } = this
    const handover = this.#handover
    await handover?.woven.done.catch(() => {})
    this.#noteTime(handover?.woven.lastTime())
    const early = handover && {
      report: { name: shownName(plan, 'any'), received: handover.woven.packets(), dropped: handover.lost() },
      hasHandedOver: handover.hasBegun(),
    }
    const isThere = isStillThere(this.#prepared.target.namespace)
    this.#prepared.close()
    return reportIncarnation(this.#machine.state(), early, isThere)
  }
}

function factsOf(plan: SourcePlan): IncarnationFacts {
  return {
    name: plan.name,
    stays: plan.stays,
    everyInterface: plan.everyInterface,
    joins: plan.interfaceIndexes !== undefined,
    interfaces: plan.wanted,
    placesOfEach: capturesOfEach(plan),
    mostInterfaces: maxMergedInterfaces,
    allGone: () => allGone(plan),
  }
}

/** Interfaces that have come. */
function comeOf({ names, interfaces }: Extract<Command<'open'>, { start: 'look' }>): NetworkInterface[] {
  return interfaces.filter(nif => names.includes(nif.name))
}

function tapOf(place: CapturePlace): Tap {
  const { shown, facts } = place
  return { key: keyOf(place), index: facts?.index ?? 0, shown, identity: facts && identityOf(facts) }
}

function keyOf({ key, facts }: CapturePlace): string {
  return `${facts?.index ?? 0} ${key}`
}

function closePipe({ reader, writer }: LocalPipe): void {
  closeSync(reader)
  closeSync(writer)
}

/** Whether a source captures; one that does not has told why when this is known. */
async function isReady({ ready, ended }: RunningSource): Promise<boolean> {
  if (await ready) return true
  await ended
  return false
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
