/** One capture of the service, from its place among the sessions to its last byte and its line in the log. */
import { isAbort } from '../../base/abort.ts'
import { type RemoraError, toRemoraError } from '../../base/errors.ts'
import { ownInterfaces, shownName } from '../../capture/plan/taps.ts'
import type { CaptureReport } from '../../capture/request/report.ts'
import { type CaptureRequest, shownTargets } from '../../capture/request/request.ts'
import { openCaptureStream, type PreparedStream, prepareStream } from '../../capture/stream.ts'
import { addressGroup } from '../auth/client.ts'
import type { Channel } from './channel.ts'
import type { ServiceContext } from './service-state.ts'
import type { Session } from './sessions.ts'
import type { Starter } from './start-limiter.ts'

/**
 * Prepares the capture of a session; the caller closes it.
 * @param claimed what was prepared before
 */
export async function prepareSession(
  session: Session,
  context: ServiceContext,
  { request = session.request, claimed }: { readonly request?: CaptureRequest; readonly claimed?: PreparedStream } = {},
): Promise<PreparedStream> {
  const { state } = session
  const stream = claimed ?? (await prepareNow(session, context, request))
  const { plan } = stream.prepared
  state.reference = plan.reference
  state.interfaces = plan.sources.flatMap(source =>
    ownInterfaces(source.taps).map(({ name }) => shownName(source, name)),
  )
  return stream
}

async function prepareNow(session: Session, context: ServiceContext, request: CaptureRequest): Promise<PreparedStream> {
  const { lifetime, state } = session
  // What waits for its target would keep the place for long.
  const leave = request.wait === undefined ? await context.starts.enter(starterOf(session)) : () => {}
  return prepareStream(request, {
    lifetime,
    log: context.logOf(session),
    counting: true,
    buffer: context.buffer(),
    places: context.places,
    onPending() {
      state.phase = 'waiting'
    },
  }).finally(leave)
}

/**
 * Runs the capture of a session into a channel. Never fails: a failure goes to the client and into the log.
 * @param prepare what must be done first, and may fail
 */
export function carry(
  session: Session,
  channel: Channel,
  prepare: () => Promise<PreparedStream>,
  context: ServiceContext,
): void {
  carryWhole(session, channel, prepare, context).catch(error => context.log.error({ err: error }, 'fault'))
}

async function carryWhole(
  session: Session,
  channel: Channel,
  prepare: () => Promise<PreparedStream>,
  context: ServiceContext,
): Promise<void> {
  let stream: PreparedStream | undefined
  let report: CaptureReport | undefined
  let failure: RemoraError | undefined
  try {
    stream = await prepare()
    report = await run(session, channel, stream, context)
    await channel.end(report, session.stopReason())
  } catch (thrown) {
    // Asked to stop while it was being prepared: that is no failure.
    if (!isAbort(thrown, session.lifetime.stop)) failure = toRemoraError(thrown)
    await (failure === undefined ? channel.end(nothing(session), session.stopReason()) : channel.fail(failure))
  } finally {
    stream?.close()
    context.conclude(session, report, failure)
  }
}

async function run(
  session: Session,
  channel: Channel,
  stream: PreparedStream,
  context: ServiceContext,
): Promise<CaptureReport> {
  const { lifetime, state, kill } = session
  const leave = await context.starts.enter(starterOf(session))
  const { reference } = stream.prepared.plan
  const { packets, report } = openCaptureStream(stream, {
    lifetime,
    counting: true,
    onArmed() {
      leave()
      state.phase = 'running'
      channel.note({ note: 'armed', reference })
    },
    onSilence(line) {
      state.silence = line
      context.logOf(session).info(line)
      channel.note({ note: 'silence', line })
    },
    onProgress(progress) {
      context.metrics.packets += progress.packets - state.packets
      state.packets = progress.packets
      channel.note({ note: 'progress', ...progress })
    },
  })
  report.then(leave, leave)
  const whole = await channel.take({ packets, over: report, kill: lifetime.kill }, bytes => {
    state.bytes += bytes
    context.metrics.bytes += bytes
  })
  if (!whole) kill()
  return report
}

/** A session stands for its connection, which carries nothing else. */
function starterOf(session: Session): Starter {
  return { peer: addressGroup(session.peer), connection: session, signal: session.lifetime.stop }
}

function nothing({ request }: Session): CaptureReport {
  return {
    reference: shownTargets(request),
    end: 'stopped',
    complete: false,
    interfaces: [],
    packets: 0,
    dropped: 0,
    seconds: 0,
  }
}
