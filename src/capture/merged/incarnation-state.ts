/**
 * The capture of one incarnation as a state machine: events in, commands out, no I/O. It decides which interfaces are begun,
 * what the end of one means for the others, and when all of it is over. {@link startIncarnation} carries out what it says.
 */
import { andThen, type Handlers, handle, type Step, stepTo } from '../../base/machine.ts'
import { hasName, type NetworkInterface } from '../../model/interface.ts'
import type { InterfaceReport } from '../request/report.ts'
import { isGone } from '../taps/gone.ts'
import type { Asked, SourceEnd } from './interface-capture.ts'

/** Why an incarnation is captured no longer. */
export type IncarnationEnd = 'asked' | 'target-gone' | 'interface-gone'

/** How the capture of an incarnation went. */
export interface IncarnationReport {
  readonly end: IncarnationEnd
  readonly complete: boolean
  readonly goneInterface: string | undefined
  readonly interfaces: readonly InterfaceReport[]
  /** Names of interfaces that came up later and could not be captured. */
  readonly missed: readonly string[]
  /** What broke; undefined when nothing did. */
  readonly failure: unknown
}

/** What holds for an incarnation from its begin to its end. */
export interface IncarnationFacts {
  /** Name of the target, for lines. */
  readonly name: string
  /** It goes on without any interface, for as long as the namespace is there. */
  readonly stays: boolean
  readonly everyInterface: boolean
  /** Interfaces that come later are captured too: it is not captured on `any`. */
  readonly joins: boolean
  /** Names of interfaces that were asked for; none: every interface. */
  readonly interfaces: readonly string[]
  /** Places that each interface takes. */
  readonly placesOfEach: number
  readonly mostInterfaces: number
  /** Makes the failure of an incarnation whose interfaces went before the first was armed. */
  readonly allGone: () => unknown
}

/** One end of an interface that may be captured. */
export interface Tap {
  /** Unique within the incarnation. */
  readonly key: string
  /** Index of the interface; 0 for `any`. */
  readonly index: number
  /** Name in the capture. */
  readonly shown: string
  /** Tells the interface from another of its name, or of its index; undefined for `any`. */
  readonly identity: string | undefined
}

/** Whose interfaces are started: those of the plan, or those that a look has found. */
export type Start = 'first' | 'look'

/** Where the capture of an incarnation stands. */
export interface IncarnationState {
  readonly running: ReadonlyMap<string, Tap & { readonly isArmed: boolean }>
  /** The start with the interfaces of the plan; `again`: all of them have gone, and a look is to find others. */
  readonly first: 'starting' | 'again' | 'done'
  /** The look for interfaces that have come. */
  readonly look: 'none' | 'listing' | 'starting'
  /** An interface is armed, or was. */
  readonly isArmed: boolean
  /** Names of the devices as the look under way has found them. */
  readonly devices: string | undefined
  /** Those names when each interface was captured or is known as one that cannot be: nothing has come while they are the same. */
  readonly settledDevices: string | undefined
  /** Identities of interfaces that are not tried again. */
  readonly refused: ReadonlySet<string>
  /** Names of interfaces that could not be captured. */
  readonly missed: readonly string[]
  /** More interfaces have come than may be captured. */
  readonly isCrowded: boolean
  readonly ends: readonly SourceEnd[]
  /** The first reason of the end. */
  readonly end: IncarnationEnd | undefined
  /** What broke first. */
  readonly failure: unknown
  readonly isOver: boolean
}

/** What has happened, and whether the target was still there then. */
export type IncarnationEvent = { readonly isThere: boolean } & (
  | { readonly on: 'begun' }
  | { readonly on: 'opened'; readonly start: Start; readonly taps: readonly Tap[] }
  | { readonly on: 'tap-begun'; readonly tap: Tap }
  | { readonly on: 'armed'; readonly key: string }
  | { readonly on: 'ended'; readonly key: string; readonly end: SourceEnd }
  /** Each tap of a start is armed, or has ended. */
  | { readonly on: 'started'; readonly start: Start; readonly isReady: boolean }
  /** @property held places of taps that were not begun */
  | { readonly on: 'start-failed'; readonly start: Start; readonly error: unknown; readonly held: number }
  | { readonly on: 'ticked' }
  /** @property names of the devices in the namespace; undefined where no capture can tell them */
  | { readonly on: 'devices-read'; readonly names: string | undefined }
  /** @property free places */
  | { readonly on: 'listed'; readonly interfaces: readonly NetworkInterface[]; readonly free: number }
  | { readonly on: 'list-failed' }
  | { readonly on: 'asked'; readonly how: Asked }
)

/** What is to be done. */
export type IncarnationCommand =
  /** Take places and make pipes for the interfaces of the plan. */
  | { readonly do: 'open'; readonly start: 'first' }
  /** The same for interfaces that have come. */
  | {
      readonly do: 'open'
      readonly start: 'look'
      readonly names: readonly string[]
      readonly interfaces: readonly NetworkInterface[]
    }
  /** Begin these taps of what was opened, and let go of the others. */
  | { readonly do: 'begin'; readonly start: Start; readonly keys: ReadonlySet<string> }
  | { readonly do: 'give-back'; readonly count: number }
  | { readonly do: Asked; readonly key: string }
  | { readonly do: 'read-devices' }
  | { readonly do: 'list' }
  /** Packets of this interface are those of the early capture again. */
  | { readonly do: 'hand-back'; readonly key: string; readonly index: number }
  /** End the early capture; `settled`: if it has handed over everything. */
  | { readonly do: 'finish-early' | 'close-early' | 'finish-settled-early' }
  | { readonly do: 'say'; readonly line: string }
  | { readonly do: 'tell-missed'; readonly shown: string; readonly reason: unknown }
  /** The first start is done. */
  | { readonly do: 'tell-started'; readonly isArmed: boolean }
  /** An interface is armed, and none was when the first start was done. */
  | { readonly do: 'tell-armed' }
  | { readonly do: 'conclude' }

/** A state, and the commands on the way there. */
type IncarnationStep = Step<IncarnationState, IncarnationCommand>

/** The state before the first event, `begun`. */
export function newIncarnation(refused: ReadonlySet<string>): IncarnationState {
  return {
    ...{ running: new Map(), first: 'starting', look: 'none', isArmed: false },
    ...{ devices: undefined, settledDevices: undefined, refused, missed: [], isCrowded: false, ends: [] },
    ...{ end: undefined, failure: undefined, isOver: false },
  }
}

/** Where a state stands, in a word. */
export function phaseOf({ isOver, end, first, running }: IncarnationState) {
  if (isOver) return 'ended'
  if (end !== undefined) return 'ending'
  if (first !== 'done') return 'starting'
  return running.size === 0 ? 'empty' : 'armed'
}

/** A state in a line, for the log. */
export function describeIncarnation(state: IncarnationState): string {
  const taps = [...state.running.values()].map(({ key, isArmed }) => (isArmed ? key : `${key}?`))
  const look = state.look === 'none' ? '' : `, look ${state.look}`
  const end = state.end === undefined ? '' : `, ${state.end}`
  return `${phaseOf(state)} [${taps.join(', ')}]${look}${end}${state.failure === undefined ? '' : ', failed'}`
}

const say = stepTo<IncarnationState, IncarnationCommand>
const then = andThen<IncarnationState, IncarnationCommand>

const handlers: Handlers<IncarnationState, IncarnationEvent, IncarnationCommand, IncarnationFacts> = {
  begun: state => say(state, { do: 'open', start: 'first' }),
  opened(state, { start, taps }) {
    const wanted = state.end === undefined ? taps.filter(({ key }) => !state.running.has(key)) : []
    return say(state, ...giveBack(taps.length - wanted.length), {
      do: 'begin',
      start,
      keys: new Set(wanted.map(({ key }) => key)),
    })
  },
  'tap-begun'(state, { tap }) {
    const running = new Map(state.running).set(tap.key, { ...tap, isArmed: false })
    // It was asked to end in between.
    return say({ ...state, running }, ...(state.end === undefined ? [] : [{ do: 'interrupt', key: tap.key } as const]))
  },
  armed(state, { key }) {
    const tap = state.running.get(key)
    if (tap === undefined) return say(state)
    return say({ ...state, running: new Map(state.running).set(key, { ...tap, isArmed: true }) })
  },
  ended,
  started(state, event, facts) {
    return event.start === 'first' ? firstStarted(state, event, facts) : lookStarted(state, event, facts)
  },
  'start-failed'(state, { start, error, held, isThere }, facts) {
    if (start === 'look') return then(say(state, ...giveBack(held)), state => lookOver(state, isThere, facts))
    const failed = say({ ...state, failure: state.failure ?? error }, ...giveBack(held))
    // The others would never be armed together.
    const alone = state.running.size > 0 ? then(failed, state => endAll(state, 'interrupt', 'asked')) : failed
    return then(alone, state => firstDone(state, false, isThere, facts))
  },
  ticked(state, { isThere }, facts) {
    if (state.end === undefined && !isThere) {
      return then(endAll(state, 'drain', 'target-gone'), state => check(state, isThere, facts))
    }
    return look(state, facts)
  },
  'devices-read'(state, { names, isThere }, facts) {
    if (state.look !== 'none') return say(state)
    if (state.end !== undefined) return lookOver(state, isThere, facts)
    if (names === undefined || names !== state.settledDevices) {
      return say({ ...state, look: 'listing', devices: names }, { do: 'list' })
    }
    return then(lookOver(state, isThere, facts), state => say(state, { do: 'finish-settled-early' }))
  },
  listed,
  'list-failed': (state, { isThere }, facts) => lookOver(state, isThere, facts),
  asked: (state, { how, isThere }, facts) => then(endAll(state, how, 'asked'), state => check(state, isThere, facts)),
}

/** The state after an event, and what is to be done about it. */
export function stepIncarnation(
  state: IncarnationState,
  event: IncarnationEvent,
  facts: IncarnationFacts,
): IncarnationStep {
  return handle(handlers, state, event, facts)
}

function giveBack(count: number): IncarnationCommand[] {
  return count > 0 ? [{ do: 'give-back', count }] : []
}

/** By its index, since an interface that is renamed is captured on. */
function isCaptured({ running }: Pick<IncarnationState, 'running'>, index: number): boolean {
  return [...running.values()].some(tap => tap.index === index)
}

/** The capture of an interface has ended, by itself or since it was asked to. */
function ended(
  before: IncarnationState,
  { key, end, isThere }: Extract<IncarnationEvent, { readonly on: 'ended' }>,
  facts: IncarnationFacts,
): IncarnationStep {
  const tap = before.running.get(key)
  if (tap === undefined) return say(before)
  const running = new Map(before.running)
  running.delete(key)
  // It may come again under the same name.
  const state = { ...before, running, ends: [...before.ends, end], settledDevices: undefined }
  const isOurs = state.end === undefined && !isCaptured(state, tap.index)
  const handBack: IncarnationCommand[] = isOurs ? [{ do: 'hand-back', key, index: tap.index }] : []
  const judged = then(say(state, { do: 'give-back', count: 1 }, ...handBack), state =>
    judge(state, tap, end.failure, isThere, facts),
  )
  return then(judged, state => check(state, isThere, facts))
}

/** What the failure of one interface means: nothing, that this one is missed, or that the capture has failed. */
function judge(
  state: IncarnationState,
  tap: Tap & { readonly isArmed: boolean },
  failure: unknown,
  isThere: boolean,
  { everyInterface, stays }: IncarnationFacts,
): IncarnationStep {
  // It has gone between the look and the start; or all of them have, with the target.
  const isRace = isGone({ everyInterface: everyInterface || stays || state.running.size > 0 }, failure) || !isThere
  const isFailure = failure !== undefined && !isRace
  // One that came later and cannot be captured is no reason to end the others.
  if (isFailure && state.isArmed && !tap.isArmed) return miss(state, tap, failure)
  const judged = isFailure ? { ...state, failure: state.failure ?? failure } : state
  // The others would never be armed together.
  if (judged.failure !== undefined && !judged.isArmed) return endAll(judged, 'interrupt', 'asked')
  return say(judged)
}

function miss(state: IncarnationState, { identity, shown }: Tap, reason: unknown): IncarnationStep {
  const refused = identity === undefined ? state.refused : new Set([...state.refused, identity])
  return say({ ...state, refused, missed: [...state.missed, shown] }, { do: 'tell-missed', shown, reason })
}

/** Ends every interface and the early capture; the first reason counts. */
function endAll(state: IncarnationState, how: Asked, why: IncarnationEnd): IncarnationStep {
  return say({ ...state, end: state.end ?? why }, ...[...state.running.keys()].map(key => ({ do: how, key })), {
    do: how === 'kill' ? 'close-early' : 'finish-early',
  })
}

/** It is over when nothing runs, nothing is being started, and nothing may come. */
function check(state: IncarnationState, isThere: boolean, { stays }: IncarnationFacts): IncarnationStep {
  if (state.isOver || state.running.size > 0 || state.first !== 'done' || state.look === 'starting') return say(state)
  if (state.end !== undefined) return say({ ...state, isOver: true }, { do: 'conclude' })
  if (state.failure === undefined && isThere && stays) return say(state)
  const end = isThere ? 'interface-gone' : 'target-gone'
  return say({ ...state, end, isOver: true }, { do: 'finish-early' }, { do: 'conclude' })
}

/** Looks for interfaces that have come, unless it does already. */
function look(state: IncarnationState, { joins }: IncarnationFacts): IncarnationStep {
  if (state.look !== 'none' || state.end !== undefined) return say(state)
  return say(state, { do: joins ? 'read-devices' : 'finish-settled-early' })
}

function listed(
  state: IncarnationState,
  { interfaces, free, isThere }: Extract<IncarnationEvent, { readonly on: 'listed' }>,
  facts: IncarnationFacts,
): IncarnationStep {
  if (state.end !== undefined) return lookOver(state, isThere, facts)
  const isWanted = (nif: NetworkInterface) => facts.interfaces.some(name => hasName(nif, name))
  const wanted = facts.interfaces.length === 0 ? interfaces : interfaces.filter(isWanted)
  // One that is down is looked at again, and whether one that was refused is the same still.
  const settledDevices = wanted.every(({ up }) => up) && state.refused.size === 0 ? state.devices : undefined
  const come = wanted.filter(nif => nif.up && !state.refused.has(identityOf(nif)) && !isCaptured(state, nif.index))
  const room = Math.min(facts.mostInterfaces - state.running.size, Math.floor(free / facts.placesOfEach))
  const names = come.slice(0, Math.max(0, room)).map(({ name }) => name)
  const isCrowded = names.length < come.length
  const line = `more interfaces of ${facts.name} are up than can be captured one by one (${facts.mostInterfaces}, fewer among several targets): those that come later are not captured`
  const told = say(
    { ...state, settledDevices, isCrowded: state.isCrowded || isCrowded },
    ...(isCrowded && !state.isCrowded ? [{ do: 'say', line } as const] : []),
  )
  if (names.length > 0) {
    return then(told, state => say({ ...state, look: 'starting' }, { do: 'open', start: 'look', names, interfaces }))
  }
  const over = then(told, state => lookOver(state, isThere, facts))
  return then(over, state => say(state, { do: 'finish-settled-early' }))
}

/** A look is over; where the first start waited for it, that is done too. */
function lookOver(state: IncarnationState, isThere: boolean, facts: IncarnationFacts): IncarnationStep {
  const over: IncarnationState = { ...state, look: 'none' }
  return state.first === 'again' ? againDone(over, isThere, facts) : check(over, isThere, facts)
}

function lookStarted(
  state: IncarnationState,
  { isReady, isThere }: Extract<IncarnationEvent, { readonly on: 'started' }>,
  facts: IncarnationFacts,
): IncarnationStep {
  const isFirst = isReady && state.failure === undefined && state.first === 'done' && !state.isArmed
  const told = isFirst ? say({ ...state, isArmed: true }, { do: 'tell-armed' }) : say(state)
  return then(told, state => lookOver(state, isThere, facts))
}

/** Where all interfaces of the plan have gone meanwhile, it starts with those that are up now. */
function firstStarted(
  state: IncarnationState,
  { isReady, isThere }: Extract<IncarnationEvent, { readonly on: 'started' }>,
  facts: IncarnationFacts,
): IncarnationStep {
  const isReallyReady = isReady && state.failure === undefined
  const isHopeless = state.failure !== undefined || state.end !== undefined || !facts.everyInterface || !isThere
  if (isReallyReady || isHopeless) return firstDone(state, isReallyReady, isThere, facts)
  const again: IncarnationState = { ...state, first: 'again' }
  if (!facts.joins) return againDone(again, isThere, facts)
  return look(again, facts)
}

function againDone(state: IncarnationState, isThere: boolean, facts: IncarnationFacts): IncarnationStep {
  const isAny = [...state.running.values()].some(({ isArmed }) => isArmed)
  const isFailure = !isAny && !facts.stays && state.end === undefined
  const failure = state.failure ?? (isFailure ? facts.allGone() : undefined)
  return firstDone({ ...state, failure }, isAny && failure === undefined, isThere, facts)
}

function firstDone(
  state: IncarnationState,
  isArmed: boolean,
  isThere: boolean,
  facts: IncarnationFacts,
): IncarnationStep {
  const finish: IncarnationCommand[] = isArmed || facts.stays ? [] : [{ do: 'finish-early' }]
  const done = say({ ...state, first: 'done', isArmed }, { do: 'tell-started', isArmed }, ...finish)
  return then(done, state => check(state, isThere, facts))
}

/** Tells an interface from another of its name, or of its index. */
export function identityOf({ index, name, linkType }: Pick<NetworkInterface, 'index' | 'name' | 'linkType'>): string {
  return `${index} ${linkType} ${name}`
}

/**
 * The report of an incarnation that has ended.
 * @param early what the early capture has counted, where there was one
 */
export function reportIncarnation(
  { end = 'asked', ends, missed, isCrowded, failure }: IncarnationState,
  early: { readonly report: InterfaceReport; readonly hasHandedOver: boolean } | undefined,
  isThere: boolean,
): IncarnationReport {
  // It was shorter than opening its interfaces takes: what was captured early is all there is.
  const isShort = early !== undefined && !early.hasHandedOver && !isThere
  return {
    end,
    complete: !isCrowded && ends.every(({ complete, report }) => complete || missed.includes(report.name)),
    goneInterface: end === 'interface-gone' ? ends.findLast(({ gone }) => gone)?.report.name : undefined,
    interfaces: [
      // It is told where it has lost packets.
      ...(early === undefined || early.report.dropped === 0 ? [] : [early.report]),
      ...ends.filter(({ report }) => !missed.includes(report.name)).map(({ report }) => report),
    ],
    missed,
    failure: isShort ? undefined : failure,
  }
}
