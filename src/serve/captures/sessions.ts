/** The captures that run: who has which, how much went to whom, and how each is told to end. At most so many at once. */
import { randomInt } from 'node:crypto'
import { RemoraError } from '../../base/errors.ts'
import type { Lifetime } from '../../capture/request/lifetime.ts'
import { type CaptureRequest, shownTargets } from '../../capture/request/request.ts'
import type { RunningCaptureJson } from '../../protocol/v1/status.ts'
import { shownReference } from '../../reference/reference.ts'
import { addressGroup } from '../auth/client.ts'

/** One capture of one client. */
export interface Session {
  /** Readable and unique among those that run: in logs, and to stop it by. */
  readonly id: string
  readonly request: CaptureRequest
  /** Address of the client. */
  readonly peer: string
  readonly since: Date
  readonly lifetime: Lifetime
  /** What was found out on the way, for those who ask. */
  readonly state: {
    reference: string
    interfaces: readonly string[]
    phase: RunningCaptureJson['phase']
    packets: number
    bytes: number
    /** Why nothing comes, as far as that is known. */
    silence?: string
  }
  /** Asks it to end and keep what it has; the reason is for the client. */
  stop(reason: string): void
  /** Ends it at once. */
  kill(): void
  /** Why it was asked to end, where it was. */
  stopReason(): string | undefined
}

/** How many captures may run at a time. */
export interface Limits {
  /** In all. */
  readonly captures: number
  /** Of one client address. */
  readonly capturesPerPeer: number
  /** Interfaces of all merged captures together. */
  readonly interfaces: number
}

/** Captures that run. */
export interface Sessions {
  /**
   * Takes a place; whoever took it gives it back with {@link Sessions.close}.
   * @throws RemoraError LIMIT
   */
  open(request: CaptureRequest, peer: string): Session
  close(session: Session): void
  find(id: string): Session | undefined
  /** Eldest first. */
  list(): Session[]
}

/** A place for captures; none runs yet. */
export function makeSessions(limits: Omit<Limits, 'interfaces'>): Sessions {
  const sessions = new Map<string, Session>()
  return {
    open(request, peer) {
      if (sessions.size >= limits.captures) throw tooMany(`${limits.captures} captures run already`)
      const group = addressGroup(peer)
      const ofPeer = [...sessions.values()].filter(session => addressGroup(session.peer) === group).length
      if (ofPeer >= limits.capturesPerPeer)
        throw tooMany(`${peer} has ${ofPeer} ${ofPeer === 1 ? 'capture' : 'captures'} already`)
      let id = readableId(request)
      while (sessions.has(id)) id = readableId(request)
      const session = makeSession(id, request, peer)
      sessions.set(id, session)
      return session
    },
    close: session => void sessions.delete(session.id),
    find: id => sessions.get(id),
    list: () => [...sessions.values()],
  }
}

function tooMany(message: string): RemoraError {
  return new RemoraError('LIMIT', message, {
    hint: 'End one of them (GET /v1/captures lists them), or raise --max-captures or --max-captures-per-peer.',
  })
}

/** Letters and digits that are not taken for one another. */
const alphabet = 'bcdfghjkmnpqrstvwxz23456789'

function readableId({ targets: [first = ''] }: CaptureRequest): string {
  const name = shownReference(first)
    .replace(/^\w+:/, '')
    .replace(/[^A-Za-z0-9]+/g, '-')
  const random = Array.from({ length: 6 }, () => alphabet[randomInt(alphabet.length)]).join('')
  return `${name.replace(/^-|-$/g, '').slice(0, 24) || 'capture'}-${random}`
}

function makeSession(id: string, request: CaptureRequest, peer: string): Session {
  const stop = new AbortController()
  const kill = new AbortController()
  let why: string | undefined
  return {
    id,
    request,
    peer,
    since: new Date(),
    lifetime: { stop: stop.signal, kill: kill.signal },
    state: { reference: shownTargets(request), interfaces: [], phase: 'preparing', packets: 0, bytes: 0 },
    stop(reason) {
      why ??= reason
      stop.abort()
    },
    kill() {
      stop.abort()
      kill.abort()
    },
    stopReason: () => why,
  }
}
