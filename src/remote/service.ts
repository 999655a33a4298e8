/**
 * A capture service elsewhere, and the way to it: an address with an optional path before everything, or a unix socket of
 * this host; a token, the certificates that count, and the proxy between.
 */
import { readFileSync } from 'node:fs'
import { RemoraError, reasonOf } from '../base/errors.ts'
import { unescaped, withoutSecrets } from '../base/redact.ts'

/** A service, and how it is spoken to. */
export interface RemoteService {
  /** `http://host:port/prefix` or `https://…`, without a slash at the end; or `unix:/path`. */
  readonly base: string
  /** Bearer token; undefined: none is sent. */
  readonly token?: string | undefined
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
export function parseServiceAddress(text: string): Pick<RemoteService, 'base' | 'token'> {
  if (/^unix:\/./.test(text)) return { base: text }
  const hasScheme = /^[a-z]+:\/\//i.test(text)
  const url = URL.parse(hasScheme ? text.replace(/^ws/i, 'http') : `http://${text}`)
  if (url === null || text === 'unix:' || url.hostname === '' || !/^https?:$/.test(url.protocol)) {
    throw new RemoraError('USAGE', `"${withoutSecrets(text).slice(0, 100)}" is no address of a capture service`, {
      hint: 'Use HOST:PORT, http://HOST:PORT, https://HOST/PATH, or unix:/run/remora/remora.sock.',
    })
  }
  // A URL forgets the port its scheme has anyway.
  const hasPort = /^[^/?#]*:\d+(?=[/?#]|$)/.test(text)
  if (!hasScheme && !hasPort) url.port = String(standardPort)
  const token = url.searchParams.get('token') ?? (unescaped(url.password) || undefined)
  return { base: `${url.protocol}//${url.host}${url.pathname.replace(/(?<!\/)\/+$/, '')}`, token }
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
 * The header that says the token.
 * @throws RemoraError USAGE when it cannot be sent
 */
export function authorization({ token }: RemoteService): Record<string, string> {
  if (!token) return {}
  if (/^[\x21-\x7e]+$/.test(token)) return { authorization: `Bearer ${token}` }
  throw new RemoraError('USAGE', 'the token has characters that cannot be sent', {
    hint: 'A token is one word of visible ASCII characters.',
  })
}

/** The service in words: its address without the scheme. */
export function describeService({ base }: RemoteService): string {
  return base.replace(/^https?:\/\//, '')
}
