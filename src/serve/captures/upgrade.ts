/**
 * WebSocket handshakes. `/v1/capture/<ticket>` is refused with an HTTP status while it is none yet; `/capture` speaks as the
 * original does, which upgrades first and tells of failures in the close frame.
 */

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { isAbort } from '../../base/abort.ts'
import { RemoraError, toRemoraError } from '../../base/errors.ts'
import { guarded } from '../../base/timers.ts'
import { isPeerThere } from '../../capture/output/liveness.ts'
import { type CaptureRequest, requestOf } from '../../capture/request/request.ts'
import { claimStream, type PreparedStream } from '../../capture/stream.ts'
import { referenceOfStock } from '../../discover/resolve/packetflix.ts'
import {
  parseParameters,
  type StockParameters,
  type StockSubject,
  wantedInterfaces,
} from '../../protocol/packetflix/parameters.ts'
import { formatReference } from '../../reference/reference.ts'
import { checkPlace, checkToken } from '../auth/access.ts'
import { peerAddress, peerGroup, streamConnections } from '../auth/client.ts'
import { noteRefusal, refuseHandshake } from '../auth/error-answer.ts'
import type { ListenAddress } from '../listen/address.ts'
import { CaptureSocket, websocketChannel } from './channel-websocket.ts'
import { requestOfBody } from './request.ts'
import type { ServiceContext } from './service-state.ts'
import { carry, prepareSession } from './session-runner.ts'
import type { Session } from './sessions.ts'

/** Bytes a client may send in one message; it has nothing to say. */
const longestMessage = 64 * 1024

/** Listener of a server's `upgrade` (node:http). */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** Handles the handshakes that come in by one address. */
export function upgradeHandler(address: ListenAddress, context: ServiceContext): UpgradeHandler {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: longestMessage,
    // A client that asks and never reads would have the answers pile up; see websocketChannel.
    autoPong: false,
    WebSocket: CaptureSocket,
  })
  return (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    const upgrade: Upgrade = onSocket => {
      let done = false
      if (!socket.destroyed) {
        server.handleUpgrade(request, socket, head, websocket => {
          done = true
          onSocket(websocket as CaptureSocket)
        })
      }
      return done
    }
    answer(request, socket, upgrade, address, context).catch(thrown => {
      const error = toRemoraError(thrown)
      noteRefusal(context, peerGroup(request), error)
      refuseHandshake(socket, error)
    })
  }
}

/** Makes a WebSocket of the connection; false when the handshake was none, or the client has gone. */
type Upgrade = (onSocket: (socket: CaptureSocket) => void) => boolean

async function answer(
  request: IncomingMessage,
  socket: Duplex,
  upgrade: Upgrade,
  address: ListenAddress,
  context: ServiceContext,
): Promise<void> {
  checkPlace(request, address, context.rules)
  const { pathname, searchParams } = URL.parse(request.url ?? '/', 'http://service') ?? new URL('http://service')
  const [, ticket] = /^\/v1\/capture\/([\w-]{1,64})$/.exec(pathname) ?? []
  if (ticket !== undefined) return redeem(ticket, request, socket, upgrade, context)
  if (pathname !== '/capture') {
    throw new RemoraError('TARGET_NOT_FOUND', `there is no WebSocket at ${pathname.slice(0, 100)}`, {
      hint: 'Captures are at /capture and /v1/capture/<ticket>.',
    })
  }
  checkToken(request, address, context.rules, searchParams.get('token') ?? undefined)
  context.connections.admit(request.socket)
  upgrade(websocket => captureStock(websocket, request, searchParams, context))
}

/** A ticket is good for one try; what stands against the capture is told before the handshake. */
async function redeem(
  ticket: string,
  request: IncomingMessage,
  socket: Duplex,
  upgrade: Upgrade,
  context: ServiceContext,
): Promise<void> {
  const { session, prepare } = openTicket(ticket, request, context)
  const gone = () => session.kill()
  socket.once('close', gone)
  const waits = session.request.wait !== undefined
  const ready = waits ? undefined : await prepare().catch(abandon)
  const upgraded = upgrade(websocket => {
    carry(session, channelOf(websocket, session, request, false), async () => ready ?? prepare(), context)
  })
  if (!upgraded) {
    ready?.close()
    context.sessions.close(session)
  }

  function abandon(error: unknown): never {
    const stopped = isAbort(error, session.lifetime.stop)
    const failure = stopped ? undefined : toRemoraError(error)
    context.conclude(session, undefined, failure)
    throw failure ?? new RemoraError('CAPTURE_FAILED', 'the capture was stopped before it began')
  }
}

/** A ticket that was redeemed. */
interface Redeemed {
  readonly session: Session
  /** Prepares its capture, or hands out what was prepared when it was asked for. To be called once, by who closes it. */
  readonly prepare: () => Promise<PreparedStream>
}

/**
 * Redeems a ticket, which is used up by it.
 * @throws RemoraError TARGET_NOT_FOUND or LIMIT
 */
export function openTicket(ticket: string, request: IncomingMessage, context: ServiceContext): Redeemed {
  const body = context.tickets.redeem(ticket)
  if (body === undefined) {
    throw new RemoraError('TARGET_NOT_FOUND', 'this ticket is unknown, used, or too old', {
      hint: 'A ticket is good for one capture within 60 s: ask for another with POST /v1/captures.',
    })
  }
  context.connections.admit(request.socket)
  const ownStream = body.includeSelf ? [] : streamConnections(request)
  const kept = context.kept.take(ticket)
  try {
    const session = context.sessions.open({ ...requestOfBody(body), ownStream }, peerAddress(request))
    const claimed = kept && claimStream(kept, { ownStream, buffer: context.buffer() })
    return { session, prepare: () => prepareSession(session, context, claimed ? { claimed } : {}) }
  } catch (error) {
    kept?.close()
    throw error
  }
}

/** A capture as a stock client asks for it. */
function captureStock(
  websocket: CaptureSocket,
  request: IncomingMessage,
  query: URLSearchParams,
  context: ServiceContext,
): void {
  let session: Session
  let parameters: StockParameters
  try {
    parameters = parseParameters(query, name => headerOf(request, name))
    session = context.sessions.open(provisional(parameters, request), peerAddress(request))
  } catch (thrown) {
    const error = toRemoraError(thrown)
    noteRefusal(context, peerGroup(request), error)
    unattended(websocket, request).fail(error)
    return
  }
  const prepare = async () => {
    const targets = await Promise.all(parameters.subjects.map(subject => referenceOf(subject, context)))
    return prepareSession(session, context, { request: { ...session.request, targets } })
  }
  carry(session, channelOf(websocket, session, request, true), prepare, context)
}

/** The channel of a client whose capture does not begin. */
function unattended(websocket: CaptureSocket, { socket }: IncomingMessage) {
  return websocketChannel(websocket, { connection: socket, onAsked: () => {}, isAlive: async () => true, stock: true })
}

/** What is known before the host has been looked at. */
function provisional(parameters: StockParameters, request: IncomingMessage): CaptureRequest {
  const { subjects, filter, promiscuous, includeSelf } = parameters
  const targets = subjects.map(subject =>
    subject.kind === 'netns' ? formatReference({ scheme: 'netns', inode: subject.netns }) : subject.target.name,
  )
  return {
    ...requestOf(targets),
    interfaces: wantedInterfaces(parameters),
    ...{ filter, promiscuous },
    place: placeOf(subjects[0]),
    ownStream: includeSelf ? [] : streamConnections(request),
  }
}

/** What the client calls the host and the cluster of the target. */
function placeOf(subject: StockSubject): CaptureRequest['place'] {
  if (subject.kind === 'netns') return undefined
  const { 'node-name': node, cluster } = subject.target
  return { node, cluster: cluster?.uid }
}

async function referenceOf(subject: StockSubject, { discovery }: ServiceContext): Promise<string> {
  if (subject.kind === 'netns') return formatReference({ scheme: 'netns', inode: subject.netns })
  return referenceOfStock(subject.target, (await discovery.names()).targets)
}

/** Text of a header; what came as UTF-8 was taken for Latin-1 by node. */
function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name.toLowerCase()]
  const text = Array.isArray(value) ? value[0] : value
  return text === undefined ? undefined : Buffer.from(text, 'latin1').toString()
}

function channelOf(websocket: CaptureSocket, session: Session, { socket }: IncomingMessage, stock: boolean) {
  const { localPort, remotePort } = socket
  websocket.once(
    'close',
    guarded(() => {
      // A stock client that asked for the end has its answer: the capture ends by itself, and its losses are counted.
      if (!stock || websocket.asked === undefined) session.kill()
    }),
  )
  return websocketChannel(websocket, {
    connection: socket,
    onAsked: () => session.stop('ciao'),
    isAlive: () => isPeerThere(localPort, remotePort),
    stock,
  })
}
