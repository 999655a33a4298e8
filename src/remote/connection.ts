/**
 * How a connection to a service is made: over TLS with verified certificates, through a proxy, over both address families in
 * turn (node's happy eyeballs, RFC 8305).
 */
import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import type { LookupFunction } from 'node:net'
import type { PeerCertificate } from 'node:tls'
import { RemoraError, reasonOf } from '../base/errors.ts'
import { isLocalhost } from '../base/loopback.ts'
import { proxyAgent } from './proxy.ts'
import { type RemoteService, socketPathOf } from './service.ts'

/** The part of node's request options (node:http, node:tls) that says how a service is reached. */
export interface ConnectionOptions {
  readonly agent?: Agent
  readonly socketPath?: string
  readonly rejectUnauthorized?: boolean
  readonly ca?: string[]
  readonly lookup?: LookupFunction
}

/**
 * Options for node's and ws' requests.
 * @throws RemoraError USAGE when the certificates cannot be read or the proxy is none
 */
export async function connectionOptions(service: RemoteService): Promise<ConnectionOptions> {
  const socketPath = socketPathOf(service)
  if (socketPath !== undefined) return { socketPath }
  const { hostname } = new URL(service.base)
  if (service.zone !== undefined) return { ...(await tlsOptions(service)), agent: await zoneAgent(service, hostname) }
  const agent = service.direct ? undefined : await proxyAgent(service.base)
  const lookup = isLocalhost(hostname) ? bothLoopbacks : undefined
  return { ...(await tlsOptions(service)), ...(lookup && { lookup }), ...(agent && { agent }) }
}

/**
 * An agent that connects to a link-local address through one interface. The zone means something on this host only, so no
 * proxy is asked, and the header Host is without it (RFC 9844 §5).
 */
async function zoneAgent({ base, zone }: RemoteService, hostname: string): Promise<Agent> {
  const address = hostname.replace(/^\[|\]$/g, '')
  const agent = base.startsWith('https:') ? await tlsAgent(address) : new Agent()
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (options, ...rest) => connect({ ...options, host: `${address}%${zone}` }, ...rest)
  return agent
}

/** An agent that expects a certificate for an address, whatever the connection is made to. */
async function tlsAgent(address: string): Promise<Agent> {
  const [{ Agent: TlsAgent }, { checkServerIdentity: check }] = await Promise.all([
    import('node:https'),
    import('node:tls'),
  ])
  return new TlsAgent({ checkServerIdentity: (_: string, certificate: PeerCertificate) => check(address, certificate) })
}

/** Many a hosts file knows localhost by one address only, and a service may listen on the other (RFC 6761 §6.3). */
const bothLoopbacks: LookupFunction = (_, options, callback) => {
  const addresses = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ]
  if (options.all) callback(null, addresses)
  else callback(null, '127.0.0.1', 4)
}

async function tlsOptions({ base, insecure, ca }: RemoteService): Promise<ConnectionOptions> {
  const named = ca ? [readAuthorities(ca)] : []
  if (!base.startsWith('https:')) return {}
  return insecure ? { rejectUnauthorized: false } : { ca: [...(await commonAuthorities()), ...named] }
}

let common: readonly string[] | undefined

/** Those node brings along, and those of the system, which node 22 learned to read in its course. */
async function commonAuthorities(): Promise<readonly string[]> {
  if (common !== undefined) return common
  const tls = await import('node:tls')
  common = [
    ...tls.rootCertificates,
    ...(tls.getCACertificates?.('system') ?? []),
    ...(tls.getCACertificates?.('extra') ?? []),
  ]
  return common
}

const certificates = 'Name a file of the certificates the service is to be trusted by, in PEM, with --ca.'

function readAuthorities(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new RemoraError('USAGE', `cannot read the certificates ${path}: ${reasonOf(error)}`, {
      cause: error,
      hint: certificates,
    })
  }
  // node passes over what is none in silence, and then trusts nobody.
  if (/^-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/m.test(text)) return text
  throw new RemoraError('USAGE', `${path} holds no certificate (PEM)`, { hint: certificates })
}
