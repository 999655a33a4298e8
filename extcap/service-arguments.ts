/** From the arguments of `mobyshark` and `packetflix` to a host behind a service and what is asked of it. */

import type { Credentials } from '../src/base/credentials.ts'
import { RemoraError } from '../src/base/errors.ts'
import { namedHost } from '../src/host/choose.ts'
import type { HostRequest } from '../src/host/run.ts'
import type { ServiceRequest } from '../src/host/service/prepare.ts'
import type { ServiceHost } from '../src/host/service.ts'
import { parseTarget, type StockParameters } from '../src/protocol/packetflix/parameters.ts'
import type { StockTarget } from '../src/protocol/packetflix/target.ts'
import { parsePacketflixUrl } from '../src/protocol/packetflix/url.ts'
import { type ArgumentValues, type CaptureStep, textValue } from './argv.ts'
import { dockerHostInterface } from './interfaces.ts'

/** What is asked of a service. */
interface AskedService extends HostRequest<ServiceRequest> {
  readonly host: ServiceHost
}

/**
 * What a capture on one of these interfaces asks for.
 * @throws RemoraError USAGE
 */
export function serviceRequest({ interface: nif, values, filter }: CaptureStep): AskedService {
  if (nif === dockerHostInterface) return dockerHostRequest(values, filter)
  const text = textValue(values, 'url')
  if (text === '') throw missing('a packetflix: URL', 'Fill it in, or click a link on the page of a capture service.')
  const url = parsePacketflixUrl(text)
  // Whoever made the link chose the host: the token of the environment was not meant for it.
  const host = hostOf(values, url.base, url, {})
  if (url.kind === 'ticket') return { host, request: { ticket: url.path } }
  const { parameters } = url
  return { host, request: { packetflix: { ...parameters, filter: joined(parameters.filter, filter) } } }
}

function dockerHostRequest(values: ArgumentValues, filter: string): AskedService {
  const address = textValue(values, 'dockerhosturl')
  if (address === '') throw missing('the URL of a Docker host', 'Click the wheel beside the interface, and fill it in.')
  const target = chosenTarget(textValue(values, 'container'))
  if (target === undefined) throw missing('a container', 'Click the wheel beside the interface, and choose one.')
  const nif = textValue(values, 'nif')
  const parameters: StockParameters = {
    subjects: [{ kind: 'container', target }],
    interfaces: nif === '' || nif === 'any' || nif === 'all' ? undefined : nif.split('/'),
    filter,
    promiscuous: values.noprom !== true,
    includeSelf: false,
  }
  return { host: hostOf(values, address), request: { packetflix: parameters } }
}

/**
 * The host of these arguments. Proxies that were filled in take the place of those in the environment, where what
 * chooses between them looks.
 * @param env where a token is taken from that was given in no other way
 */
export function hostOf(
  values: ArgumentValues,
  host: string,
  credentials: Partial<Credentials> = {},
  env?: NodeJS.ProcessEnv,
): ServiceHost {
  const proxies = { HTTP_PROXY: 'httpproxy', HTTPS_PROXY: 'httpsproxy', NO_PROXY: 'noproxy' }
  for (const [name, call] of Object.entries(proxies)) {
    const value = textValue(values, call)
    if (value === '') continue
    delete process.env[name.toLowerCase()]
    process.env[name] = value
  }
  const token = textValue(values, 'token') || credentials.token
  const address = {
    host,
    insecure: values.insecure === true,
    direct: values.proxyoff === true,
    ca: textValue(values, 'cafile'),
    tokenFile: textValue(values, 'tokenfile'),
    token,
    login: credentials.login,
  }
  return namedHost(address, env)
}

/**
 * The target a selector's value stands for: its description, escaped as in a query; or just a name, for people.
 * @throws RemoraError USAGE
 */
export function chosenTarget(value: string): StockTarget | undefined {
  if (value === '') return undefined
  const text = value.startsWith('{') ? value : decoded(value)
  return parseTarget(text.startsWith('{') ? text : JSON.stringify({ name: text }))
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '))
  } catch {
    return value
  }
}

function joined(first: string, second: string): string {
  return first === '' || second === '' ? `${first}${second}` : `(${first}) and (${second})`
}

function missing(what: string, hint: string): RemoraError {
  return new RemoraError('USAGE', `this interface needs ${what}`, { hint })
}
