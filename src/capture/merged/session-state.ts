/**
 * A merged capture as a state machine: events in, commands out, no I/O. It decides which incarnations are captured, when the
 * capture is armed, and what ends it. {@link runMerged} carries out what it says.
 */
import { andThen, type Handlers, handle, type Step, stepTo } from '../../base/machine.ts'
import type { CaptureEnd } from '../../protocol/v1/values.ts'
import type { Asked } from './interface-capture.ts'

/** Where a merged capture stands. Incarnations are known by their number, in the order in which they have begun. */
export interface SessionState {
  /** Incarnations that were begun. */
  readonly begun: number
  readonly running: ReadonlySet<number>
  /** Those of the first ones that are neither armed nor have ended. */
  readonly starting: ReadonlySet<number>
  /** One of the first ones is armed. */
  readonly isFirstArmed: boolean
  /** Incarnations may still come. */
  readonly isComing: boolean
  /** Time counts. */
  readonly isArmed: boolean
  /** The first reason of the end. */
  readonly end: CaptureEnd | undefined
  /** What broke first. */
  readonly failure: unknown
  readonly isOver: boolean
}

/** What has happened. */
export type SessionEvent =
  /** @property count incarnations that are there at first */
  | { readonly on: 'begun'; readonly count: number }
  /** An incarnation is armed with all its first interfaces, or has ended before. */
  | { readonly on: 'started'; readonly id: number; readonly isArmed: boolean }
  /** It is armed, and was not when it had started. */
  | { readonly on: 'armed-late' }
  | { readonly on: 'ended'; readonly id: number; readonly isInterfaceGone: boolean; readonly failure: unknown }
  /** @property refusal why there is no place for it; undefined when there is one */
  | { readonly on: 'come'; readonly refusal: unknown }
  | { readonly on: 'none-comes'; readonly failure: unknown }
  | { readonly on: 'asked'; readonly end: CaptureEnd; readonly how: Asked; readonly failure?: unknown }

/** What is to be done. */
export type SessionCommand =
  /** Begin this one of those that were there at first. */
  | { readonly do: 'begin'; readonly id: number }
  /** Begin the one that has come; or tell that it is not captured; or only let go of it. */
  | { readonly do: 'begin-next'; readonly id: number }
  | { readonly do: 'turn-away'; readonly reason: unknown }
  | { readonly do: 'close-next' }
  | { readonly do: Asked; readonly id: number }
  /** It counts again, should it be found again. */
  | { readonly do: 'forget'; readonly id: number }
  | { readonly do: 'stop-awaiting' }
  | { readonly do: 'write-names' }
  | { readonly do: 'start-clock' }
  | { readonly do: 'tell-armed' }
  /** The reader has only so long for what is left. */
  | { readonly do: 'limit-end' }
  | { readonly do: 'close-merge' }
  /** All has ended: write what is left. */
  | { readonly do: 'flush' }

type SessionStep = Step<SessionState, SessionCommand>
const say = stepTo<SessionState, SessionCommand>
const then = andThen<SessionState, SessionCommand>

/** The state before the first event, `begun`. */
export function newSession(isComing: boolean): SessionState {
  return {
    ...{ begun: 0, running: new Set<number>(), starting: new Set<number>(), isFirstArmed: false, isComing },
    ...{ isArmed: false, end: undefined, failure: undefined, isOver: false },
  }
}

/** A state in a line, for the log. */
export function describeSession(state: SessionState): string {
  const { running, isComing, isArmed, end, failure, isOver } = state
  const phase = isOver ? 'flushing' : end !== undefined ? 'ending' : isArmed ? 'running' : 'starting'
  const more = isComing ? ', more may come' : ''
  return `${phase} [${[...running].join(', ')}]${more}${end === undefined ? '' : `, ${end}`}${failure === undefined ? '' : ', failed'}`
}

const handlers: Handlers<SessionState, SessionEvent, SessionCommand, undefined> = {
  begun(state, { count }) {
    // It was asked to end before.
    if (state.end !== undefined) return check(state)
    const ids = Array.from({ length: count }, (_, id) => id)
    return say(
      { ...state, begun: count, running: new Set(ids), starting: new Set(ids) },
      ...ids.map(id => ({ do: 'begin', id }) as const),
    )
  },
  started(state, { id, isArmed }) {
    if (!state.starting.has(id)) return isArmed ? arm(state) : say(state)
    const starting = without(state.starting, id)
    const next = { ...state, starting, isFirstArmed: state.isFirstArmed || isArmed }
    if (starting.size > 0) return say(next)
    return then(say(next, { do: 'write-names' }), state => (state.isFirstArmed ? arm(state) : say(state)))
  },
  'armed-late': arm,
  ended(state, { id, isInterfaceGone, failure }) {
    const left = say(
      { ...state, running: without(state.running, id) },
      ...(isInterfaceGone ? [{ do: 'forget', id } as const] : []),
    )
    const judged = failure === undefined ? left : then(left, state => finish(state, 'stopped', 'drain', failure))
    return then(judged, check)
  },
  come(state, { refusal }) {
    if (state.end !== undefined) return say(state, { do: 'close-next' })
    // One for which there is no place is no reason to end the others.
    if (refusal !== undefined) return say(state, { do: 'turn-away', reason: refusal })
    const id = state.begun
    const running = new Set([...state.running, id])
    return say({ ...state, begun: id + 1, running }, { do: 'begin-next', id })
  },
  'none-comes': (state, { failure }) => check({ ...state, isComing: false, failure: state.failure ?? failure }),
  asked(state, { end, how, failure }) {
    const finished = then(finish(state, end, how, failure), check)
    if (how === 'kill') return then(finished, state => say(state, { do: 'close-merge' }))
    return end === 'stopped' ? then(finished, state => say(state, { do: 'limit-end' })) : finished
  },
}

/** The state after an event, and what is to be done about it. */
export function stepSession(state: SessionState, event: SessionEvent): SessionStep {
  return handle(handlers, state, event, undefined)
}

/** Time counts from the first incarnation that is armed, which need not be the first there was. */
function arm(state: SessionState): SessionStep {
  if (state.end !== undefined) return say(state)
  if (state.isArmed) return say(state, { do: 'tell-armed' })
  return say({ ...state, isArmed: true }, { do: 'start-clock' }, { do: 'tell-armed' })
}

/** Ends all that run; the first reason and the first failure count. */
function finish(state: SessionState, end: CaptureEnd, how: Asked, failure: unknown): SessionStep {
  return say(
    { ...state, end: state.end ?? end, failure: state.failure ?? failure },
    { do: 'stop-awaiting' },
    ...[...state.running].map(id => ({ do: how, id })),
  )
}

/** It is over when nothing runs, and nothing comes or is wanted. */
function check(state: SessionState): SessionStep {
  if (state.isOver || state.running.size > 0 || (state.isComing && state.end === undefined)) return say(state)
  return say({ ...state, isOver: true }, { do: 'flush' })
}

function without(ids: ReadonlySet<number>, id: number): ReadonlySet<number> {
  return new Set([...ids].filter(other => other !== id))
}
