/** The HTTP side of the service: one route a line, each in the file of its matter. */
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { errorKinds, RemoraError, toRemoraError } from '../base/errors.ts'
import { checkPlace, checkToken } from './access.ts'
import type { Environment, RouteContext } from './context.ts'
import { errorBody, errorHeaders } from './error-answer.ts'
import { openApiDocument } from './openapi.ts'
import { pageAssets } from './page/assets.ts'
import { askForCapture, listCaptures, stopCapture } from './route-captures.ts'
import { download } from './route-download.ts'
import { printHealth, printMetrics } from './route-status.ts'
import { printGhostwire, printMobyshark, printVersion } from './route-stock.ts'
import { listTargets, watchTargets } from './route-targets.ts'

/** Bytes of the body of a request. */
const longestBody = 64 * 1024

/** What is told to everybody who may come by the address at all: the page asks for the token itself. */
const open = new Set(['/healthz', '/version', '/openapi.json', ...Object.keys(pageAssets)])

/** The page may load its own files and talk to its own service, and nothing else. */
const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
}

export function makeApp(): Hono<Environment> {
  const app = new Hono<Environment>()
  app.use(async (c, next) => {
    const { incoming, address, service } = c.env
    checkPlace(incoming, address, service.rules)
    const isTicket = c.req.path.startsWith('/v1/capture/')
    if (!open.has(c.req.path) && !isTicket) checkToken(incoming, address, service.rules)
    await next()
    for (const [name, value] of Object.entries(securityHeaders)) c.header(name, value)
  })
  app.use(bodyLimit({ maxSize: longestBody, onError: () => refuseBody() }))

  for (const [path, { type, body }] of Object.entries(pageAssets)) {
    app.get(path, c => c.body(body, 200, { 'content-type': type, 'cache-control': 'no-cache' }))
  }
  app.get('/healthz', printHealth)
  app.get('/metrics', printMetrics)
  app.get('/openapi.json', c => c.json(openApiDocument()))

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

function refuseBody(): never {
  throw new RemoraError('USAGE', `the body is longer than ${longestBody} bytes`)
}

function failed(c: RouteContext, error: RemoraError): Response {
  if (error.code === 'BUG') c.env.service.log.error({ err: error.cause ?? error }, 'fault')
  const wait = c.env.service.tickets.wait()
  return c.json(errorBody(error), errorKinds[error.code].http as ContentfulStatusCode, errorHeaders(error, wait))
}
