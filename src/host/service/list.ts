/** What a service elsewhere can capture: as a remora tells it, or as the original does. */
import { createParser } from 'eventsource-parser'
import { RemoraError } from '../../base/errors.ts'
import type { Target } from '../../model/target.ts'
import { readJson } from '../../protocol/json.ts'
import { type TargetEventJson, watchEvent } from '../../protocol/v1/events.ts'
import { targetList } from '../../protocol/v1/target.ts'
import { targetOf } from '../../protocol/v1/target-json.ts'
import { parseAnswer, silentService, statusFailure, toldFailure } from '../../remote/failure.ts'
import { ask, follow } from '../../remote/http.ts'
import { describeService, type RemoteService } from '../../remote/service.ts'
import { listPacketflixTargets, packetflixReference } from './packetflix.ts'

/** What a service lists, and what it warns of. */
export interface ServiceTargets {
  readonly targets: readonly Target[]
  readonly warnings: readonly string[]
}

/**
 * Lists the targets of a service.
 * @throws RemoraError PEER_FAILED, UNAUTHORIZED or FORBIDDEN
 */
export async function listTargets(service: RemoteService, signal: AbortSignal): Promise<ServiceTargets> {
  const { status, body } = await ask(service, 'GET', '/v1/targets', { signal })
  if (status === 200 && body.startsWith('{')) {
    const { targets, warnings } = parseAnswer(service, targetList, body, 'lists something else')
    return { targets: targets.map(targetOf), warnings }
  }
  if (toldFailure(body)?.code === 'UNAUTHORIZED' || status === 401 || status === 403)
    throw statusFailure(service, status, body)
  return {
    targets: (await listPacketflixTargets(service, signal)).map(target =>
      targetOf({ ...target, reference: packetflixReference(target), addresses: [] }),
    ),
    warnings: [],
  }
}

/** Who is told of changes. */
export interface ServiceWatch {
  readonly signal: AbortSignal
  readonly onEvent: (event: { readonly event: TargetEventJson['event']; readonly target: Target }) => void
  readonly onWarning: (warning: string) => void
}

/**
 * Tells of the targets of a service until the signal aborts (server-sent events, WHATWG HTML §9.2).
 * @throws RemoraError PEER_FAILED when the service cannot be reached, ends, or is no remora
 */
export async function watchTargets(
  service: RemoteService,
  { signal, onEvent, onWarning }: ServiceWatch,
): Promise<void> {
  const { feed } = createParser({
    maxBufferSize: maximumEvent,
    onEvent({ data }) {
      const told = readJson(watchEvent, data)
      if (told === undefined) return
      if ('warning' in told) onWarning(told.warning)
      else onEvent({ event: told.event, target: targetOf(told.target) })
    },
  })
  const status = await follow(service, '/v1/targets/watch', feed, signal)
  if (signal.aborted) return
  if (status === 200 || status === 404) {
    throw new RemoraError('USAGE', `${describeService(service)} is no remora and does not tell what changes`, {
      hint: 'Leave --watch out, or run remora serve there.',
    })
  }
  if (status !== undefined) throw statusFailure(service, status, '')
  throw silentService(service, 'tells no more')
}

/** Characters of one event. */
const maximumEvent = 1024 * 1024
