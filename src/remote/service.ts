/**
 * A capture service elsewhere, and the way to it: an address with an optional path before everything, or a unix socket of
 * this host; a token, the certificates that count, and the proxy between.
 */
import { readFileSync } from 'node:fs'
import { parseZonedUrl } from '../base/address.ts'
import { credentialsOf, type Login } from '../base/credentials.ts'
import { RemoraError, reasonOf } from '../base/errors.ts'
import { withoutSecrets } from '../base/redact.ts'

/** A service, and how it is spoken to. */
export interface RemoteService {
  /** `http://host:port/prefix` or `https://…`, without a zone, and without a slash at the end; or `unix:/path`. */
  readonly base: string
  /** Zone of a link-local address: an interface of this host (RFC 4007 §11). */
  readonly zone?: string | undefined
  /** Bearer token; undefined: none is sent. */
  readonly token?: string | undefined
  /** Name and password for a proxy in front that asks for them; never beside a token. */
  readonly login?: Login | undefined
  /** Take any certificate. */
  readonly insecure?: boolean | undefined
  /** File with the authorities to trust beside those of the system (PEM). */
  readonly ca?: string | undefined
  /** Use no proxy, whatever the environment says. */
  readonly direct?: boolean | undefined
}

const standardPort = 5001

/**
 * Reads the address of a service: `HOST[:PORT]` (port 5001), a URL of http, https, ws or wss, or `unix:/path`.
 * @throws RemoraError USAGE
 */
export function parseServiceAddress(text: string): Pick<RemoteService, 'base' | 'zone' | 'token' | 'login'> {
  if (/^unix:\/./.test(text)) return { base: text }
  const [, scheme] = /^([a-z][a-z\d+.-]*):\/\//i.exec(text) ?? []
  if (scheme !== undefined && !/^(?:https?|wss?)$/i.test(scheme)) {
    throw noAddress(
      text,
      `"${shown(text)}" is no address of a capture service: none is reached by ${scheme.toLowerCase()}:`,
    )
  }
  const zoned = parseZonedUrl(scheme === undefined ? `http://${text}` : text.replace(/^ws/i, 'http'))
  if (zoned === undefined || text === 'unix:' || zoned.url.hostname === '') {
    throw noAddress(text, `"${shown(text)}" is no address of a capture service`)
  }
  const { url, zone } = zoned
  // A URL forgets the port its scheme has anyway.
  const hasPort = /^[^/?#]*:\d+(?=[/?#]|$)/.test(text)
  if (scheme === undefined && !hasPort) url.port = String(standardPort)
  const base = `${url.protocol}//${url.host}${url.pathname.replace(/(?<!\/)\/+$/, '')}`
  return { base, zone, ...credentialsOf(url) }
}

function shown(text: string): string {
  return withoutSecrets(text).slice(0, 100)
}

function noAddress(text: string, message: string): RemoraError {
  // An address of IPv6 needs its brackets wherever a port may follow (RFC 3986 §3.2.2).
  const bare = /^[\da-f:.]*:[\da-f:.]*:[\da-f:.]*(?:%.*)?$/i.test(text)
  return new RemoraError('USAGE', message, {
    hint: bare
      ? `Write an IPv6 address in brackets: [${text.slice(0, 100)}].`
      : 'Use HOST:PORT, http://HOST:PORT, https://HOST/PATH, or unix:/run/remora/remora.sock.',
  })
}

/** Path of the unix socket of a service that has one. */
export function socketPathOf({ base }: RemoteService): string | undefined {
  return base.startsWith('unix:') ? base.slice('unix:'.length) : undefined
}

/** Name or address of the host a service is on; empty for a unix socket. */
export function hostOf({ base }: RemoteService): string {
  return URL.parse(base)?.hostname.replace(/^\[(.*)\]$/, '$1') ?? ''
}

/** Names of the environment a token is taken from, where none was given otherwise. */
const tokenVariables = { token: 'REMORA_TOKEN', file: 'REMORA_TOKEN_FILE' } as const

const tokenHint = "Copy the service's token into a file that only you may read, and name it with --token-file."

/**
 * The token to send: of a file, else of the environment.
 * @throws RemoraError USAGE when a file cannot be read, or is empty
 */
export function findToken(file: string | undefined, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const path = file || (env[tokenVariables.token] ? undefined : env[tokenVariables.file])
  if (!path) return env[tokenVariables.token] || undefined
  try {
    const token = readFileSync(path, 'utf8').trim()
    if (token !== '') return token
  } catch (error) {
    throw new RemoraError('USAGE', `cannot read the token file: ${reasonOf(error)}`, { cause: error, hint: tokenHint })
  }
  throw new RemoraError('USAGE', `the token file ${path} is empty`, { hint: tokenHint })
}

/**
 * The header that says who asks.
 * @throws RemoraError USAGE when the token cannot be sent
 */
export function authorization({ token, login }: RemoteService): Record<string, string> {
  if (login !== undefined) {
    const pair = Buffer.from(`${login.user}:${login.password}`).toString('base64')
    return { authorization: `Basic ${pair}` }
  }
  if (!token) return {}
  if (/^[\x21-\x7e]+$/.test(token)) return { authorization: `Bearer ${token}` }
  throw new RemoraError('USAGE', 'the token has characters that cannot be sent', {
    hint: 'A token is one word of visible ASCII characters.',
  })
}

/** The service in words: its address, with the scheme it is asked by and its zone. */
export function describeService({ base, zone }: RemoteService): string {
  if (zone === undefined) return base
  return base.replace(']', `%${zone}]`)
}
