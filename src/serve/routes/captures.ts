/** `/v1/captures`: ask for a capture and get a ticket for it; see and stop those that run. */
import * as v from 'valibot'
import { abortAfter } from '../../base/abort.ts'
import { RemoraError } from '../../base/errors.ts'
import { compileFilter } from '../../capture/check-filter.ts'
import { ownInterfaces } from '../../capture/plan/taps.ts'
import { shownTargets } from '../../capture/request/request.ts'
import { type PreparedStream, prepareStream } from '../../capture/stream.ts'
import type { CaptureListJson, RunningCaptureJson } from '../../protocol/v1/status.ts'
import type { TicketJson } from '../../protocol/v1/ticket.ts'
import { parseReference } from '../../reference/reference.ts'
import { checkKeys } from '../auth/access.ts'
import { departure, peerGroup } from '../auth/client.ts'
import { type CaptureBody, captureBody, requestOfBody } from '../captures/request.ts'
import type { RouteContext, ServiceContext } from '../captures/service-state.ts'
import type { Session } from '../captures/sessions.ts'
import { ticketLife } from '../captures/tickets.ts'

/** Bytes of the body of a request. */
const longestBody = 64 * 1024
/** Milliseconds everything that can be refused may take to be found out. */
const checkTime = 8_000

/** Checks what is asked for as the capture itself would be, and hands out a ticket. */
export async function askForCapture(c: RouteContext): Promise<Response> {
  const { incoming, service } = c.env
  const { tickets, starts } = service
  const peer = peerGroup(incoming)
  const signal = departure(incoming)
  const body = await readBody(c)
  checkKeys(requestOfBody(body), service.rules)
  // Before the work: whoever asks too often gets an answer that costs little.
  const seconds = tickets.wait(peer)
  if (seconds > 0)
    throw new RemoraError('LIMIT', 'too many captures wait to be collected', { hint: `Try again in ${seconds} s.` })
  const leave = await starts.enter({ peer, connection: incoming.socket, signal })
  const { target, stream } = await check(body, service, signal).finally(leave)
  const ticket = issue(body, stream, { peer, signal, service })
  const path = `/v1/capture/${ticket}`
  const { ws, http } = addresses(c)
  const answer: TicketJson = {
    url: `${ws}${path}`,
    download: `${http}${path}.pcapng`,
    path,
    expires: new Date(Date.now() + ticketLife * 1000).toISOString(),
    ...target,
  }
  return c.json(answer, 201)
}

async function readBody(c: RouteContext): Promise<CaptureBody> {
  if (!/^application\/json\b/i.test(c.req.header('content-type') ?? '')) {
    throw new RemoraError('USAGE', 'the body must be application/json')
  }
  const text = await readText(c)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new RemoraError('USAGE', `the body is no JSON: ${(error as Error).message.slice(0, 100)}`)
  }
  // A list has members, too: a function is called filter.
  if (Array.isArray(value)) throw new RemoraError('USAGE', 'the body must be an object, not a list')
  const result = v.safeParse(captureBody, value)
  if (result.success) return result.output
  const [issue] = result.issues
  throw new RemoraError('USAGE', `${v.getDotPath(issue) ?? 'body'}: ${issue.message.slice(0, 200)}`, {
    hint: 'GET /openapi.json describes the body.',
  })
}

async function readText(c: RouteContext): Promise<string> {
  const { incoming, outgoing } = c.env
  const chunks: Buffer[] = []
  let size = 0
  try {
    // A request that is destroyed has no socket any more, by which the client is known.
    for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > longestBody) break
      chunks.push(chunk)
    }
  } catch (error) {
    throw new RemoraError('USAGE', 'the body broke off', { cause: error })
  }
  if (size <= longestBody) return Buffer.concat(chunks).toString()
  // What is left of it is not read, so nothing can follow on this connection.
  outgoing.setHeader('connection', 'close')
  throw new RemoraError('USAGE', `the body is longer than ${longestBody} bytes`)
}

/** Who asked for a ticket. */
interface Asker {
  readonly peer: string
  readonly signal: AbortSignal
  readonly service: ServiceContext
}

/** A ticket for what was prepared, which is kept with it; none for a client that has gone. */
function issue(body: CaptureBody, stream: PreparedStream | undefined, { peer, signal, service }: Asker): string {
  const { tickets, kept } = service
  try {
    signal.throwIfAborted()
    const ticket = tickets.issue(body, peer)
    if (stream !== undefined) kept.keep(ticket, stream, peer)
    return ticket
  } catch (error) {
    stream?.close()
    throw error
  }
}

/** What was found out about a request. */
interface Checked {
  /** What the client is told of it. */
  readonly target: Omit<TicketJson, 'path'>
  /** What was prepared, to be closed; nothing where the target is waited for. */
  readonly stream?: PreparedStream
}

/** Prepares the capture; of a target that is waited for only the words can be checked. */
async function check(body: CaptureBody, context: ServiceContext, gone: AbortSignal): Promise<Checked> {
  const signal = AbortSignal.any([gone, abortAfter(checkTime)])
  const request = requestOfBody(body)
  if (request.wait !== undefined) {
    for (const target of request.targets) parseReference(target)
    if (request.filter !== '') await compileFilter(request.filter, signal)
    return { target: { reference: shownTargets(request) } }
  }
  const never = new AbortController().signal
  const stream = await prepareStream(
    { ...request, follow: false },
    {
      ...{ lifetime: { stop: never, kill: never }, counting: true },
      ...{ buffer: context.buffer(), places: context.places },
    },
    signal,
  )
  // What follows its target needs more than was prepared.
  if (request.follow) stream.close()
  const { reference, name, route, sources } = stream.prepared.plan
  const described = sources.map(({ reference, name, type, netns, taps }) => ({
    ...{ reference, name, type, netns },
    interfaces: ownInterfaces(taps).map(nif => nif.name),
    filter: taps[0]?.filter ?? '',
  }))
  return {
    target: { ...described[0], reference, name, route, ...(described.length > 1 && { targets: described }) },
    ...(!request.follow && { stream }),
  }
}

/** How the client reached the service, also through a proxy that tells of itself. */
function addresses(c: RouteContext): { ws: string; http: string } {
  const { incoming, address } = c.env
  const secure = c.req.header('x-forwarded-proto')?.startsWith('https') ?? 'encrypted' in incoming.socket
  const host = c.req.header('x-forwarded-host') ?? c.req.header('host') ?? 'localhost'
  const prefix = /^(?:\/[\w.~-]+)+$/.exec(c.req.header('x-forwarded-prefix') ?? '')?.[0] ?? ''
  const s = secure && address.kind === 'tcp' ? 's' : ''
  return { ws: `ws${s}://${host}${prefix}`, http: `http${s}://${host}${prefix}` }
}

/** Answers with the captures that run. */
export function listCaptures(c: RouteContext): Response {
  const answer: CaptureListJson = { captures: c.env.service.sessions.list().map(sessionJson) }
  return c.json(answer)
}

function sessionJson({ id, request, peer, since, state }: Session): RunningCaptureJson {
  return { id, target: shownTargets(request), ...state, filter: request.filter, peer, since: since.toISOString() }
}

/** Asks a capture to end; what it has is kept. */
export function stopCapture(c: RouteContext): Response {
  const session = c.env.service.sessions.find(c.req.param('id') ?? '')
  if (session === undefined) {
    throw new RemoraError('TARGET_NOT_FOUND', 'there is no such capture', {
      hint: 'GET /v1/captures lists those that run.',
    })
  }
  session.stop('stopped by the service')
  return c.body(null, 204)
}
