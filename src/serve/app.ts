/** The HTTP side of the service: one route a line, each in the file of its matter. */
import { Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { errorKinds, RemoraError, toRemoraError } from '../base/errors.ts'
import { checkPlace, checkToken, isForeign } from './auth/access.ts'
import { peerGroup } from './auth/client.ts'
import { errorBody, errorHeaders, noteRefusal } from './auth/error-answer.ts'
import type { Environment, RouteContext } from './captures/service-state.ts'
import { pageAssets } from './page/assets.ts'
import { askForCapture, listCaptures, stopCapture } from './routes/captures.ts'
import { download } from './routes/download.ts'
import { openApiDocument } from './routes/openapi.ts'
import { printGhostwire, printMobyshark, printVersion } from './routes/packetflix.ts'
import { printHealth, printMetrics } from './routes/status.ts'
import { listTargets, watchTargets } from './routes/targets.ts'

/** What is told to everybody who may come by the address at all: the page asks for the token itself. */
const open = new Set(['/healthz', '/version', '/openapi.json', '/capture', ...Object.keys(pageAssets)])

/** The page may load its own files and talk to its own service, and nothing else. */
const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
}

/** What browsers want to hear before a page of an allowed site may call (WHATWG Fetch §3.2); see checkPlace. */
const shareHeaders = {
  vary: 'origin',
  'access-control-allow-methods': 'GET, POST, DELETE',
  'access-control-allow-headers': 'authorization, content-type',
}

/** All routes, with what stands before each of them: who may come, and from which page. */
export function makeApp(): Hono<Environment> {
  const app = new Hono<Environment>()
  app.use(async (c, next) => {
    checkPlace(c.env.incoming, c.env.address, c.env.service.rules)
    if (shareWithPage(c) && c.req.method === 'OPTIONS') return c.body(null, 204)
    admit(c)
    await next()
    for (const [name, value] of Object.entries(securityHeaders)) c.header(name, value)
  })

  for (const [path, { type, body }] of Object.entries(pageAssets)) {
    app.get(path, c => c.body(body, 200, { 'content-type': type, 'cache-control': 'no-cache' }))
  }
  app.get('/healthz', printHealth)
  app.get('/metrics', printMetrics)
  app.get('/openapi.json', c => c.json(openApiDocument()))

  app.get('/capture', requireUpgrade)
  app.get('/version', printVersion)
  app.get('/mobyshark', printMobyshark)
  app.get('/discover/mobyshark', printMobyshark)
  app.get('/json', printGhostwire)

  app.get('/v1/targets', listTargets)
  app.get('/v1/targets/watch', watchTargets)
  app.post('/v1/captures', askForCapture)
  app.get('/v1/captures', listCaptures)
  app.delete('/v1/captures/:id', stopCapture)
  app.get('/v1/capture/:file{[\\w-]{1,64}\\.pcapng}', download)
  app.get('/v1/capture/:ticket{[\\w-]{1,64}}', requireUpgrade)

  app.notFound(c =>
    failed(
      c,
      new RemoraError('TARGET_NOT_FOUND', `there is nothing at ${c.req.method} ${c.req.path.slice(0, 100)}`, {
        hint: 'GET /openapi.json tells what there is.',
      }),
    ),
  )
  app.onError((error, c) => failed(c, toRemoraError(error)))
  return app
}

/** Allows the page of another site to read the answer, where the service does; whether it does. */
function shareWithPage({ env: { incoming, outgoing, service } }: RouteContext): boolean {
  if (!isForeign(incoming, service.rules)) return false
  for (const [name, value] of Object.entries(shareHeaders)) outgoing.setHeader(name, value)
  outgoing.setHeader('access-control-allow-origin', incoming.headers.origin ?? '')
  return true
}

/**
 * Lets a request in that may come.
 * @throws RemoraError for one that may not
 */
function admit(c: RouteContext): void {
  const { incoming, address, service } = c.env
  const isTicket = c.req.path.startsWith('/v1/capture/')
  if (isTicket || c.req.path === '/v1/targets/watch') checkStream(c)
  if (isTicket || open.has(c.req.path)) return
  checkToken(incoming, address, service.rules)
  service.connections.admit(incoming.socket)
}

/**
 * A stream needs somebody at its other end. Hono answers HEAD as GET without the body; and an answer that waits for its turn
 * behind another on the same connection never hears that the client has gone.
 * @throws RemoraError USAGE
 */
function checkStream(c: RouteContext): void {
  if (c.req.method === 'HEAD') throw new RemoraError('USAGE', 'a stream has no HEAD: it would be one for nobody')
  if (c.env.outgoing.socket !== null) return
  throw new RemoraError('USAGE', 'a stream cannot wait behind another answer', { hint: 'Use a connection of its own.' })
}

/** Answers a request for a WebSocket that came without `Upgrade` (RFC 9110 §15.5.22); a ticket in the path stays good. */
function requireUpgrade(c: RouteContext): Response {
  const error = new RemoraError('USAGE', 'this is a WebSocket, and the request does not ask for one', {
    hint: 'A proxy in front must pass Upgrade and Connection on. POST /v1/captures also leads to a plain download.',
  })
  return c.json(errorBody(error), 426, { upgrade: 'websocket', connection: 'Upgrade' })
}

function failed(c: RouteContext, error: RemoraError): Response {
  const { incoming, service } = c.env
  const peer = peerGroup(incoming)
  if (error.code === 'BUG') service.log.error({ err: error.cause ?? error }, 'fault')
  noteRefusal(service, peer, error)
  const wait = service.tickets.wait(peer)
  return c.json(errorBody(error), errorKinds[error.code].http as ContentfulStatusCode, errorHeaders(error, wait))
}
