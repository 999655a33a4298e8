/**
 * Asks a service elsewhere for a capture. remora's own services check everything first and hand out a ticket; those of Packetflix are asked
 * as their own clients do.
 */
import { RemoraError } from '../../base/errors.ts'
import { bodyOptions, type CaptureRequest, shownTargets, unknownToPacketflix } from '../../capture/request/request.ts'
import { formatParameters, type StockParameters, type StockSubject } from '../../protocol/packetflix/parameters.ts'
import { ticket } from '../../protocol/v1/ticket.ts'
import { parseAnswer, statusFailure, toldFailure } from '../../remote/failure.ts'
import { ask } from '../../remote/http.ts'
import { describeService, hostOf, type RemoteService } from '../../remote/service.ts'
import type { PacketflixCapture } from './describe-stream.ts'
import { findPacketflixSubject } from './packetflix.ts'

/** What a service can be asked for, beside what every host can. */
export type ServiceRequest =
  | CaptureRequest
  /** As the clients of Packetflix ask. */
  | { readonly packetflix: StockParameters }
  /** Path of a capture that was granted already. */
  | { readonly ticket: string }

/** A capture that a service will run. */
export interface ServiceCapture {
  /** What will be captured, as the service or the request has it. */
  readonly reference: string
  readonly name: string
  /** What the service says about it, or will be asked. */
  readonly plan: Readonly<Record<string, unknown>>
  readonly service: RemoteService
  /** Path and query of the WebSocket. */
  readonly path: string
  readonly headers?: Record<string, string>
  /** What a service was asked for that does not describe it in its stream. */
  readonly undescribed?: PacketflixCapture
  /** Seconds after which it is asked to end, where it does not stop by itself. */
  readonly duration?: number | undefined
}

/**
 * Asks for a capture; nothing runs yet.
 * @throws RemoraError for everything the service has against it, PEER_FAILED when there is none
 */
export async function prepare(
  service: RemoteService,
  request: ServiceRequest,
  signal: AbortSignal,
): Promise<ServiceCapture> {
  if ('ticket' in request) {
    const host = describeService(service)
    return { reference: host, name: host, plan: { path: request.ticket }, service, path: request.ticket }
  }
  if ('packetflix' in request) return packetflixCapture(service, request.packetflix)
  refuseOwnFiles(request)
  const { status, body } = await ask(service, 'POST', '/v1/captures', { body: requestBody(request), signal })
  if (status === 201) {
    const granted = parseAnswer(service, ticket, body, 'answers something else')
    const { url: _, download: __, expires: ___, path, reference, name = shownTargets(request), ...plan } = granted
    return { reference, name, plan: { reference, name, ...plan }, service, path }
  }
  if (toldFailure(body) !== undefined || status === 401 || status === 403) throw statusFailure(service, status, body)
  // It knows nothing of remora's own protocol.
  const { filter, promiscuous, interfaces, includeSelf, stop } = request
  refuseForPacketflix(service, request)
  const [target = ''] = request.targets
  const subject = await findPacketflixSubject(service, target, signal)
  const wanted = interfaces.length > 0 ? interfaces : undefined
  const parameters = { subjects: [subject], interfaces: wanted, filter, promiscuous, includeSelf } as const
  return { ...packetflixCapture(service, parameters), duration: stop.duration }
}

/**
 * Refuses files that only this machine can read.
 * @throws RemoraError USAGE
 */
function refuseOwnFiles({ keys }: CaptureRequest): void {
  if (keys === undefined || keys.files.length === 0) return
  throw new RemoraError('USAGE', 'a key log file of this machine cannot be sent to a capture service', {
    hint: 'Use --tls-keys for the keys of the targets, or give the file to Wireshark (tls.keylog_file).',
  })
}

function requestBody(request: CaptureRequest): Record<string, unknown> {
  const { targets, includeSelf } = request
  const [target, ...others] = targets
  return { ...(others.length === 0 ? { target } : { targets }), ...bodyOptions(request), includeSelf }
}

function packetflixCapture(service: RemoteService, parameters: StockParameters): ServiceCapture {
  const [subject] = parameters.subjects
  const asked = { ...parameters, subjects: withNodeName(service, parameters.subjects) }
  const { query, headers } = formatParameters(asked)
  const name = subject.kind === 'netns' ? `netns:${subject.netns}` : subject.target.name
  return {
    reference: name,
    name,
    plan: { ...parameters },
    service,
    path: `/capture?${query}`,
    headers,
    undescribed: asked,
  }
}

/** Targets say which host they are on, as its own clients have it: the service writes that into the section comment. */
function withNodeName(service: RemoteService, subjects: StockParameters['subjects']): StockParameters['subjects'] {
  const host = hostOf(service)
  const named = (subject: StockSubject): StockSubject =>
    subject.kind === 'netns' || subject.target['node-name'] !== ''
      ? subject
      : { ...subject, target: { ...subject.target, 'node-name': host } }
  const [first, ...others] = subjects
  return [named(first), ...others.map(named)]
}

/** What the original protocol has no words for. */
function refuseForPacketflix(service: RemoteService, request: CaptureRequest): void {
  const wanted = [...(request.targets.length > 1 ? ['several targets'] : []), ...unknownToPacketflix(request)]
  if (wanted.length === 0) return
  throw new RemoraError('USAGE', `${describeService(service)} is no remora and does not know ${wanted.join(', ')}`, {
    hint: 'Leave it out, or run remora serve there.',
  })
}
