/**
 * The search for targets as a state machine: events in, commands out, no I/O. It decides when to look, which of what was found
 * is a life that is wanted, and what may be let go. {@link watchForTargets} carries out what it says.
 */
import { andThen, type Handlers, handle, type Step, stepTo } from '../../base/machine.ts'
import type { HostChange } from '../../discover/host/changes.ts'

/** A container that has started. */
export type ContainerStart = Extract<HostChange, { readonly source: 'container' }>

/** What a look has found: an open target. */
export interface Found {
  /** Names what is open. */
  readonly key: number
  /** What makes a life of a target that one. */
  readonly identity: string
  /** References that mean it. */
  readonly from: readonly string[]
}

/** What holds for a search from its begin to its end. */
export interface SearchFacts {
  /** Every life of a target is wanted, not the first for each reference alone. */
  readonly follow: boolean
}

/** Where a search stands. */
export interface SearchState {
  /** `releasing`: what was found is settled, and early captures of others are let go; `failed`: there is no further look. */
  readonly look: 'none' | 'looking' | 'releasing' | 'failed' | 'over'
  /** Something has changed since the look began. */
  readonly isStale: boolean
  /** Identities of what is there and known. */
  readonly current: ReadonlySet<string>
  /** References that have had no life yet. */
  readonly pending: ReadonlySet<string>
  /** Lives that nobody has taken yet, in the order they came. */
  readonly lives: readonly number[]
  /** Containers that started before the look began, and since. */
  readonly earlier: readonly ContainerStart[]
  readonly started: readonly ContainerStart[]
  /** There was a life. */
  readonly hasHad: boolean
  readonly failure: unknown
}

/** What happens. */
export type SearchEvent =
  /** The search begins, the host has changed, or time has passed. */
  | { readonly on: 'changed' }
  | { readonly on: 'started'; readonly start: ContainerStart }
  /** @property complete every reference could be looked for */
  | { readonly on: 'found'; readonly targets: readonly Found[]; readonly complete: boolean }
  /** @property passes it was a lack of descriptors or memory */
  | { readonly on: 'failed'; readonly error: unknown; readonly passes: boolean }
  /** @property isCaptured there is an early capture of it, or it is there still */
  | { readonly on: 'claimed'; readonly target: Found; readonly isCaptured: boolean }
  /** Early captures of others have been let go. */
  | { readonly on: 'released' }
  /** The eldest life was taken. */
  | { readonly on: 'taken' }
  | { readonly on: 'forgotten'; readonly identity: string }
  | { readonly on: 'missed'; readonly from: readonly string[] }
  | { readonly on: 'closed' }

/** What is to be done. */
export type SearchCommand =
  | { readonly do: 'look' }
  /** Takes over the early capture of a target, and tells of it by `claimed`. */
  | { readonly do: 'claim'; readonly target: Found }
  /** Closes a target with its early capture. */
  | { readonly do: 'close'; readonly key: number }
  /** Lets go of the early captures of containers, and tells by `released`. */
  | { readonly do: 'release'; readonly starts: readonly ContainerStart[] }
  /** Looks less often from now on. */
  | { readonly do: 'slow-down' }
  | { readonly do: 'warn'; readonly error: unknown }
  /** Somebody who waits may go on. */
  | { readonly do: 'wake' }
  /** Ends what looks and listens. */
  | { readonly do: 'stop' }

type Stepped = Step<SearchState, SearchCommand>

/** Lives that may wait to be taken; of targets that restart faster the eldest are let go. */
const maxLives = 64
/** Starts that are remembered while an earlier life is captured; the captures begun on them end by themselves too. */
const maxStarts = 32

/** The state of a search that begins, with lives that are captured already. */
export function newSearch(references: readonly string[], known: readonly Omit<Found, 'key'>[]): SearchState {
  const served = new Set(known.flatMap(({ from }) => from))
  return {
    ...{ look: 'none', isStale: false, lives: [], earlier: [], started: [], failure: undefined },
    current: new Set(known.map(({ identity }) => identity)),
    pending: new Set(references.filter(reference => !served.has(reference))),
    hasHad: known.length > 0,
  }
}

/** Whether a life may still come, or is there. */
export function isPending({ pending, lives }: SearchState, { follow }: SearchFacts): boolean {
  return follow || pending.size > 0 || lives.length > 0
}

/** A state in a line of the log, without the looks that come and go. */
export function describeSearch({ look, pending, lives }: SearchState): string {
  const phase = look === 'failed' || look === 'over' ? `${look}, ` : ''
  return `${phase}${lives.length} to be taken, ${pending.size} waited for`
}

/** What an event leads to. */
export function stepSearch(state: SearchState, event: SearchEvent, facts: SearchFacts): Stepped {
  return handle(handlers, state, event, facts)
}

const handlers: Handlers<SearchState, SearchEvent, SearchCommand, SearchFacts> = {
  changed: change,
  started: (state, { start }) => change({ ...state, started: [...state.started, start].slice(-maxStarts) }),
  found(state, { targets, complete }, { follow }) {
    if (state.look !== 'looking') return stepTo(state, ...targets.map(({ key }) => close(key)))
    const isWanted = ({ from }: Found) => follow || from.some(reference => state.pending.has(reference))
    const isKnown = ({ identity }: Found) => state.current.has(identity)
    const [wanted, others] = [targets.filter(isWanted), targets.filter(target => !isWanted(target))]
    const known = wanted.filter(isKnown)
    const claims = wanted.filter(target => !isKnown(target)).map(target => ({ do: 'claim', target }) as const)
    // What could not be looked for may still be the same.
    const current = new Set([...(complete ? [] : state.current), ...targets.map(({ identity }) => identity)])
    const settled = stepTo<SearchState, SearchCommand>(
      { ...serve(state, known), current },
      ...[...others, ...known].map(({ key }) => close(key)),
      ...claims,
      ...(known.length > 0 ? [wake] : []),
    )
    return andThen(settled, next => settle(next, complete))
  },
  failed(state, { error, passes }) {
    if (state.look === 'over') return stepTo(state)
    // A target that is captured goes on without another, until there are descriptors and memory again.
    if (!passes || !state.hasHad) return stepTo({ ...state, look: 'failed', failure: error }, wake)
    return andThen(stepTo<SearchState, SearchCommand>(state, { do: 'warn', error }), next => settle(next, false))
  },
  claimed(state, { target, isCaptured }) {
    // What has gone and was not captured since it came has nothing to give.
    if (!isCaptured || state.look === 'over') return stepTo(state, close(target.key))
    const lives = [...state.lives, target.key]
    const eldest = lives.slice(0, Math.max(0, lives.length - maxLives))
    return stepTo(
      { ...serve(state, [target]), lives: lives.slice(eldest.length), hasHad: true },
      { do: 'slow-down' },
      ...eldest.map(close),
      wake,
    )
  },
  released: state => (state.look === 'releasing' ? rest(state) : stepTo(state)),
  taken: state => stepTo({ ...state, lives: state.lives.slice(1) }),
  forgotten: (state, { identity }) =>
    stepTo({ ...state, current: new Set([...state.current].filter(one => one !== identity)) }),
  missed: (state, { from }) => stepTo({ ...state, pending: new Set([...state.pending, ...from]) }),
  closed: state =>
    state.look === 'over'
      ? stepTo(state)
      : stepTo({ ...state, look: 'over', lives: [] }, { do: 'stop' }, ...state.lives.map(close)),
}

const wake = { do: 'wake' } as const

function close(key: number): SearchCommand {
  return { do: 'close', key }
}

function change(state: SearchState): Stepped {
  return state.look === 'none' ? look(state) : stepTo({ ...state, isStale: true })
}

function look(state: SearchState): Stepped {
  return stepTo({ ...state, look: 'looking', isStale: false, earlier: state.started, started: [] }, { do: 'look' })
}

/** Of a look that was complete, containers that started before it and are not wanted need no early capture any longer. */
function settle(state: SearchState, complete: boolean): Stepped {
  const { earlier, started } = state
  if (complete) return stepTo({ ...state, look: 'releasing', earlier: [] }, { do: 'release', starts: earlier })
  return rest({ ...state, earlier: [], started: [...earlier, ...started].slice(-maxStarts) })
}

function rest(state: SearchState): Stepped {
  return state.isStale ? look(state) : stepTo({ ...state, look: 'none' })
}

function serve(state: SearchState, targets: readonly Found[]): SearchState {
  const served = new Set(targets.flatMap(({ from }) => from))
  return { ...state, pending: new Set([...state.pending].filter(reference => !served.has(reference))) }
}
