/**
 * Asks a service elsewhere for a capture. remora's own services check everything first and hand out a ticket; stock ones are
 * asked as their own clients do.
 */
import { RemoraError } from '../base/errors.ts'
import { formatParameters, type StockParameters, type StockSubject } from '../protocol/packetflix/parameters.ts'
import type { CaptureBodyJson } from '../protocol/v1/body.ts'
import { ticket } from '../protocol/v1/ticket.ts'
import { parseAnswer, statusFailure, toldFailure } from '../remote/failure.ts'
import { ask } from '../remote/http.ts'
import { describeService, hostOf, type RemoteService } from '../remote/service.ts'
import type { StockCapture } from './describe-stream.ts'
import { findStockSubject } from './remote-stock.ts'
import { type CaptureRequest, shownTargets } from './request/request.ts'

/** What is asked of a service. */
export type RemoteRequest = { readonly service: RemoteService } & (
  | { readonly kind: 'request'; readonly request: CaptureRequest; readonly includeSelf: boolean }
  | { readonly kind: 'stock'; readonly parameters: StockParameters }
  /** Path of a capture that was granted already. */
  | { readonly kind: 'ticket'; readonly path: string }
)

/** A capture that a service will run. */
export interface RemoteCapture {
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
  readonly undescribed?: StockCapture
}

/**
 * Asks for a capture; nothing runs yet.
 * @throws RemoraError for everything the service has against it, PEER_FAILED when there is none
 */
export async function prepareRemote(remote: RemoteRequest, signal: AbortSignal): Promise<RemoteCapture> {
  const { service } = remote
  if (remote.kind === 'ticket') {
    const host = describeService(service)
    return { reference: host, name: host, plan: { path: remote.path }, service, path: remote.path }
  }
  if (remote.kind === 'stock') return stockCapture(service, remote.parameters)
  const { request, includeSelf } = remote
  const { status, body } = await ask(service, 'POST', '/v1/captures', { body: requestBody(remote), signal })
  if (status === 201) {
    const granted = parseAnswer(service, ticket, body, 'answers something else')
    const { url: _, download: __, expires: ___, path, reference, name = shownTargets(request), ...plan } = granted
    return { reference, name, plan: { reference, name, ...plan }, service, path }
  }
  if (toldFailure(body) !== undefined || status === 401 || status === 403) throw statusFailure(service, status, body)
  // It knows nothing of remora's own protocol.
  const { filter, promiscuous, interfaces } = request
  refuseForStock(service, request)
  const [target = ''] = request.targets
  const subject = await findStockSubject(service, target, signal)
  const wanted = interfaces.length > 0 ? interfaces : undefined
  return stockCapture(service, { subjects: [subject], interfaces: wanted, filter, promiscuous, includeSelf })
}

function requestBody({ request, includeSelf }: Extract<RemoteRequest, { kind: 'request' }>): CaptureBodyJson {
  const { ownStream: _, place: __, keys, targets, snaplen = 0, interfaces, ...rest } = request
  const [target = ''] = targets
  return {
    ...(targets.length === 1 ? { target } : { targets: [...targets] }),
    ...rest,
    interfaces: [...interfaces],
    ...(keys?.fromTargets && { tlsKeys: true }),
    snaplen,
    includeSelf,
  }
}

function stockCapture(service: RemoteService, parameters: StockParameters): RemoteCapture {
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
function refuseForStock(service: RemoteService, request: CaptureRequest): void {
  const {
    targets,
    snaplen,
    stop,
    wait,
    follow,
    window,
    direction,
    immediate,
    at = 'inside',
    match = 'error',
    keys,
  } = request
  const wanted = [
    snaplen !== undefined && 'a snapshot length',
    (stop.packets !== undefined || stop.filesize !== undefined) && 'a number of packets or bytes to stop at',
    wait !== undefined && '--wait',
    follow && '--follow',
    targets.length > 1 && 'several targets',
    window !== undefined && '--window',
    direction && '--direction',
    immediate && '--immediate',
    at !== 'inside' && `--at ${at}`,
    match !== 'error' && `--match ${match}`,
    keys !== undefined && '--tls-keys',
  ].filter(text => typeof text === 'string')
  if (wanted.length === 0) return
  throw new RemoraError('USAGE', `${describeService(service)} is no remora and does not know ${wanted.join(', ')}`, {
    hint: 'Leave it out, or run remora serve there.',
  })
}
