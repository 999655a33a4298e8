/**
 * Who may ask for what. Three doors: a page of another site must not reach the service through a browser (Origin), nor by
 * a name that was made to point at it (Host, DNS rebinding); and whoever comes from elsewhere says a token or shows a
 * certificate. A unix socket is guarded by its file's permissions, and browsers do not speak it.
 */
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { addressOf } from '../../base/address.ts'
import { RemoraError } from '../../base/errors.ts'
import { isLoopback } from '../../base/loopback.ts'
import type { CaptureRequest } from '../../capture/request/request.ts'
import type { ListenAddress } from '../listen/address.ts'
import { isSameToken } from './token.ts'

/** What is asked of those who come. */
export interface AccessRules {
  /** Captures may take TLS keys of their targets along. */
  readonly tlsKeys: boolean
  /** Undefined: none is asked for. */
  readonly token: () => string | undefined
  /** Client certificates count as well as a token. */
  readonly certificates: boolean
  /** Names, beside addresses and localhost, the service is reached by without a token. */
  readonly hosts: readonly string[]
  /** Other sites whose pages may call. */
  readonly origins: readonly string[]
}

/**
 * Refuses what comes from a foreign page or by a foreign name.
 * @throws RemoraError FORBIDDEN, or USAGE for a request that a proxy in front and the service could read differently
 */
export function checkPlace(request: IncomingMessage, address: ListenAddress, rules: AccessRules): void {
  const { host = '', origin } = request.headers
  // RFC 9112 §3.2. Node keeps the first of several, and others the last.
  if (request.rawHeaders.filter((name, index) => index % 2 === 0 && /^host$/i.test(name)).length > 1)
    throw new RemoraError('USAGE', 'the request has several Host headers')
  if (address.kind === 'tcp' && rules.token() === undefined && !isKnownHost(host, rules)) {
    throw new RemoraError('FORBIDDEN', `this service is not known as "${host.slice(0, 100)}"`, {
      hint: 'Call it by its address or as localhost, or start it with --allow-host NAME.',
    })
  }
  if (isForeign(request, rules)) return
  if (isCrossSite(request)) {
    throw new RemoraError('FORBIDDEN', 'a page of another site may not call this service', {
      hint: 'Start the service with --allow-origin ORIGIN when it may.',
    })
  }
  if (origin === undefined) return
  if (URL.parse(origin)?.host !== host.toLowerCase()) {
    throw new RemoraError('FORBIDDEN', `a page of ${origin.slice(0, 100)} may not call this service`, {
      hint: 'Start the service with --allow-origin ORIGIN when it may.',
    })
  }
}

/**
 * Whether a browser says that another site is behind a request (W3C Fetch Metadata §2.3), also where it sends no Origin, as for
 * a picture. Following a link to the service's own page is no call.
 */
function isCrossSite({ headers, method, url }: IncomingMessage): boolean {
  if (!String(headers['sec-fetch-site'] ?? '').includes('cross-site')) return false
  const isLink = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
  return !(isLink && method === 'GET' && url === '/')
}

/** Whether a request comes from a page of another site that was let in. */
export function isForeign({ headers }: IncomingMessage, { origins }: AccessRules): boolean {
  return headers.origin !== undefined && origins.includes(headers.origin)
}

/** A name can be made to point anywhere; an address cannot, and localhost only by this machine. */
function isKnownHost(host: string, rules: AccessRules): boolean {
  const name = host.replace(/:\d+$/, '').toLowerCase()
  return isLoopback(name) || addressOf(name) !== undefined || rules.hosts.includes(name)
}

/**
 * Refuses who has not said who it is.
 * @param queryToken token of the query, where one is taken from there
 * @throws RemoraError UNAUTHORIZED
 */
export function checkToken(
  request: IncomingMessage,
  address: ListenAddress,
  rules: AccessRules,
  queryToken?: string,
): void {
  const token = rules.token()
  if (address.kind === 'unix' || (token === undefined && !rules.certificates)) return
  if (rules.certificates && request.socket instanceof TLSSocket && request.socket.authorized) return
  const given = tokenOf(request.headers.authorization ?? '') ?? queryToken
  if (token !== undefined && given !== undefined && isSameToken(given, token)) return
  throw new RemoraError('UNAUTHORIZED', given === undefined ? 'a token is needed' : 'the token is wrong', {
    hint: 'The token is in the file the service was started with (--token-file).',
  })
}

/** The token of an Authorization header: a bearer's, or the password of whatever name (RFC 7617), as a URL carries it. */
function tokenOf(header: string): string | undefined {
  const [, scheme = '', value = ''] = /^(Bearer|Basic) +(\S+) *$/i.exec(header) ?? []
  if (!/^basic$/i.test(scheme)) return value || undefined
  return /^[^:]*:(.+)$/.exec(Buffer.from(value, 'base64').toString())?.[1]
}

/**
 * TLS keys are given away only by a service that was told to.
 * @throws RemoraError FORBIDDEN
 */
export function checkKeys({ keys }: Pick<CaptureRequest, 'keys'>, { tlsKeys }: AccessRules): void {
  if (keys === undefined || tlsKeys) return
  throw new RemoraError('FORBIDDEN', 'this service gives no TLS keys away', {
    hint: 'Leave --tls-keys out, or start the service with --allow-tls-keys.',
  })
}
