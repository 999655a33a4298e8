/** What all parts of the service share: its rules, its captures, its log, its counts. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Logger } from 'pino'
import type { RemoraError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { type Places, servicePlaces } from '../../capture/request/places.ts'
import type { CaptureReport } from '../../capture/request/report.ts'
import type { AccessRules } from '../auth/access.ts'
import { type Connections, makeConnections } from '../auth/connections.ts'
import { makeRefusals, type Refusals } from '../auth/refusals.ts'
import type { ListenAddress } from '../listen/address.ts'
import { makeDiscovery, type SharedDiscovery } from '../shared/discovery.ts'
import { delayResolution, type Metrics, makeMetrics } from '../shared/metrics.ts'
import { type KeptCaptures, makeKeptCaptures } from './kept.ts'
import type { CaptureBody } from './request.ts'
import { type Limits, makeSessions, type Session, type Sessions } from './sessions.ts'
import { makeStarts, type Starts } from './start-limiter.ts'
import { makeTickets, type Tickets } from './tickets.ts'

/** What is there once in a service. */
export interface ServiceContext {
  readonly rules: AccessRules
  readonly sessions: Sessions
  readonly tickets: Tickets<CaptureBody>
  /** What was prepared for some of the tickets. */
  readonly kept: KeptCaptures
  readonly discovery: SharedDiscovery
  readonly metrics: Metrics
  readonly starts: Starts
  readonly connections: Connections
  readonly refusals: Refusals
  readonly log: Logger
  /** The log of one capture, for the parts below. */
  logOf(session: Session): Log
  /** MiB of kernel buffer for one more capture. */
  buffer(): number
  /** For the interfaces of merged captures. */
  readonly places: Places
  /** Gives the place of a capture back, counts it, and writes the line that tells what it was. */
  conclude(session: Session, report: CaptureReport | undefined, failure: RemoraError | undefined): void
}

/** What a route finds around it. */
export type Environment = {
  readonly Bindings: HttpBindings & { readonly service: ServiceContext; readonly address: ListenAddress }
}
/** What a route is called with: its request, and {@link Environment}. */
export type RouteContext = Context<Environment>

/** MiB of kernel buffer for all captures together, and for a single one at most. */
const allBuffers = 512
const oneBuffer = 32

/** The context of a service that is about to listen; its log and its limits are given. */
export function makeContext(rules: AccessRules, limits: Limits, log: Logger): ServiceContext {
  const sessions = makeSessions(limits)
  const delay = monitorEventLoopDelay({ resolution: delayResolution })
  delay.enable()
  const tickets = makeTickets<CaptureBody>()
  const refusals = makeRefusals(log)
  const metrics = makeMetrics({
    running: () => sessions.list().length,
    waiting: () => tickets.waiting(),
    delay,
  })
  return {
    rules,
    sessions,
    tickets,
    kept: makeKeptCaptures(),
    discovery: makeDiscovery(metrics),
    metrics,
    starts: makeStarts(),
    connections: makeConnections(refusals),
    refusals,
    log,
    logOf(session) {
      const own = log.child({ capture: session.id })
      return {
        error: message => own.error(message),
        warning: message => own.warn(message),
        info: message => own.debug(message),
        debug: message => own.trace(message),
      }
    },
    places: servicePlaces(limits.interfaces),
    buffer: () => Math.min(oneBuffer, Math.max(1, Math.floor(allBuffers / sessions.list().length))),
    conclude(session, report, failure) {
      sessions.close(session)
      metrics.ended(report, failure, session.state.packets)
      const { id, peer, since, request, state } = session
      log.info(
        {
          capture: id,
          peer,
          target: state.reference,
          interfaces: state.interfaces,
          filter: request.filter,
          since,
          seconds: (Date.now() - since.getTime()) / 1000,
          bytes: state.bytes,
          packets: report?.packets ?? state.packets,
          dropped: report?.dropped,
          end: failure?.code ?? report?.end ?? 'stopped',
          ...(failure && { reason: failure.message }),
        },
        'capture ended',
      )
    },
  }
}
