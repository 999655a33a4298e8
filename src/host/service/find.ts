/** Capture services: one that was named, and the one that runs on this host for users who may not capture themselves. */
import { accessSync, constants } from 'node:fs'
import { connect } from 'node:net'
import type { Login } from '../../base/credentials.ts'
import { RemoraError, systemCode } from '../../base/errors.ts'
import { findToken, parseServiceAddress, type RemoteService } from '../../remote/service.ts'

/** What was said about a service. */
export interface ServiceAddress {
  /** Where it is: `HOST[:PORT]`, a URL, or `unix:PATH`. */
  readonly host: string
  readonly tokenFile?: string
  /** File with the authorities to trust beside those of the system (PEM). */
  readonly ca?: string
  /** Take any certificate. */
  readonly insecure?: boolean
  /** The token itself. */
  readonly token?: string | undefined
  /** Name and password of a link, in place of a token. */
  readonly login?: Login | undefined
  /** Use no proxy. */
  readonly direct?: boolean
}

/** Where `remora install --service` lets the service of this host listen. */
const localSocket = '/run/remora/remora.sock'

/**
 * The service at an address.
 * @throws RemoraError USAGE
 */
export function namedService(
  { host, tokenFile, token, login, ca, insecure, direct }: ServiceAddress,
  env: NodeJS.ProcessEnv = process.env,
): RemoteService {
  const { base, zone, ...said } = parseServiceAddress(host)
  const way = { base, zone, ca, insecure, direct }
  const pair = login ?? said.login
  // What was said for this one call counts before what is there for all.
  const given = token || (tokenFile ? findToken(tokenFile, env) : said.token)
  if (pair === undefined) return { ...way, token: given || findToken(undefined, env) }
  if (!given) return { ...way, login: pair }
  throw new RemoraError('USAGE', 'a request carries a token, or a name and a password, and not both', {
    hint: 'Leave USER:PASSWORD out of the URL, or the token.',
  })
}

/** Finds the service of this host that a user without rights may use; REMORA_SOCKET names another place for it. */
export async function findLocalService(env: NodeJS.ProcessEnv = process.env): Promise<RemoteService | undefined> {
  const path = usableSocket(env)
  return path !== undefined && (await isListenedOn(path)) ? { base: `unix:${path}` } : undefined
}

/** Its socket, where there is one that this user may use; a service that was killed leaves it behind. */
export function usableSocket(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const path = env.REMORA_SOCKET || localSocket
  if (process.geteuid?.() === 0 && !env.REMORA_SOCKET) return undefined
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return path
  } catch {
    return undefined
  }
}

/** A socket that nobody listens on refuses (unix(7)). */
async function isListenedOn(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const probe = connect(path, () => resolve(true))
  probe.once('error', error => resolve(systemCode(error) !== 'ECONNREFUSED'))
  return promise.finally(() => probe.destroy())
}
