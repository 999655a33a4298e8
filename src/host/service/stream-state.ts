/**
 * The states of a capture that a service makes, as data: events in, commands out. What happens outside is told by
 * `stream.ts`, which carries the commands out.
 *
 * The first wish to end counts. A kill counts more than any other wish, whenever it comes.
 */
import type { CaptureEnd } from '../../protocol/v1/values.ts'

/** Where a capture of a service stands. */
export type StreamPhase =
  /** The connection is being made. */
  | 'dialling'
  /** The same, and nobody wants what would come. */
  | 'leaving'
  /** Connected; the service may wait for its target. */
  | 'waiting'
  | 'capturing'
  /** The service was asked to end, and says what it still has to say. */
  | 'ending'
  /** The connection was torn down. */
  | 'broken'
  | 'ended'

/** A state, and why it was told to end; undefined: it was not. */
export interface StreamState {
  readonly phase: StreamPhase
  readonly why: CaptureEnd | undefined
}

/** What may happen. */
export type StreamEvent =
  | { readonly event: 'connected' | 'armed' | 'overdue' | 'closed' }
  | { readonly event: 'asked'; readonly why: CaptureEnd }
  | { readonly event: 'killed' }

/** What is to be done. */
export type StreamCommand =
  /** Tell that a target may be waited for. */
  | 'tell-pending'
  | 'tell-armed'
  /** Ask for the end when the duration has passed. */
  | 'count-down'
  /** Ask the service to end. */
  | 'ask-service'
  /** Wait only so long for it. */
  | 'set-deadline'
  /** Tear the connection down, and write nothing more. */
  | 'break-off'

type Transition = readonly [next: StreamPhase, ...commands: StreamCommand[]]

const asked: Transition = ['ending', 'ask-service', 'set-deadline']
const broken: Transition = ['broken', 'break-off']
const ended: Transition = ['ended']

/** What each event leads to; one that is not listed changes nothing. */
const transitions: Readonly<Record<StreamPhase, Partial<Record<StreamEvent['event'], Transition>>>> = {
  dialling: { connected: ['waiting', 'tell-pending'], asked: ['leaving'], killed: broken, closed: ended },
  leaving: { connected: asked, killed: broken, closed: ended },
  waiting: { armed: ['capturing', 'tell-armed', 'count-down'], asked, killed: broken, closed: ended },
  capturing: { asked, killed: broken, closed: ended },
  ending: { overdue: broken, killed: broken, closed: ended },
  broken: { connected: broken, killed: ['broken'], closed: ended },
  ended: {},
}

/** Before anything has happened. */
export const firstState: StreamState = { phase: 'dialling', why: undefined }

/** Takes an event. */
export function step(
  { phase, why }: StreamState,
  event: StreamEvent,
): { readonly state: StreamState; readonly commands: readonly StreamCommand[] } {
  const transition = transitions[phase][event.event]
  if (transition === undefined) return { state: { phase, why }, commands: [] }
  const [next, ...commands] = transition
  return { state: { phase: next, why: reasonOf(event) ?? why }, commands }
}

function reasonOf(event: StreamEvent): CaptureEnd | undefined {
  if (event.event === 'killed') return 'killed'
  return event.event === 'asked' ? event.why : undefined
}
