/**
 * How a connection to a service is made: over TLS with verified certificates, through a proxy (CONNECT, RFC 9110 §9.3.6)
 * but never to this machine itself, over both address families in turn (node's happy eyeballs, RFC 8305).
 */
import { readFileSync } from 'node:fs'
import type { Agent } from 'node:http'
import { rootCertificates } from 'node:tls'
import { RemoraError, reasonOf } from '../base/errors.ts'
import type { RemoteService } from './service.ts'

export interface ConnectionOptions {
  readonly agent?: Agent
  readonly socketPath?: string
  readonly rejectUnauthorized?: boolean
  readonly ca?: string[]
}

/**
 * Options for node's and ws' requests.
 * @throws RemoraError USAGE when the certificates cannot be read or the proxy is none
 */
export async function connectionOptions(service: RemoteService): Promise<ConnectionOptions> {
  const socketPath = socketPathOf(service)
  if (socketPath !== undefined) return { socketPath }
  const tls = {
    ...(service.insecure && { rejectUnauthorized: false }),
    ...(service.ca && { ca: [...rootCertificates, readAuthorities(service.ca)] }),
  }
  const proxy = service.direct ? '' : await proxyFor(service.base)
  if (proxy === '') return tls
  const { HttpsProxyAgent } = await import('https-proxy-agent')
  if (URL.parse(proxy) === null) throw new RemoraError('USAGE', `"${withoutPassword(proxy)}" is no URL of a proxy`)
  return { ...tls, agent: new HttpsProxyAgent(proxy) }
}

/** Path of the unix socket of a service that has one. */
export function socketPathOf({ base }: RemoteService): string | undefined {
  return base.startsWith('unix:') ? base.slice('unix:'.length) : undefined
}

async function proxyFor(base: string): Promise<string> {
  const { hostname } = new URL(base)
  if (/^(?:localhost|.*\.localhost|127\.[\d.]+|\[::1\])$/i.test(hostname)) return ''
  const { getProxyForUrl } = await import('proxy-from-env')
  return getProxyForUrl(base)
}

function withoutPassword(proxy: string): string {
  return proxy.replace(/\/\/[^@/]*@/, '//')
}

function readAuthorities(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new RemoraError('USAGE', `cannot read the certificates ${path}: ${reasonOf(error)}`, { cause: error })
  }
}
