/**
 * The host that is meant: this machine, or a service. A service was named; or it is the one of this machine, for a user who
 * may not capture himself. Nothing else branches between the two.
 */
import { RemoraError } from '../base/errors.ts'
import type { Host } from './host.ts'
import { thisMachine } from './local.ts'
import { findLocalService, namedService, type ServiceAddress } from './service/find.ts'
import { type ServiceHost, serviceHost } from './service.ts'

/** What was said about a host. */
export type HostOptions = Partial<ServiceAddress>

/**
 * The host to ask.
 * @throws RemoraError USAGE
 */
export async function chooseHost(options: HostOptions, env: NodeJS.ProcessEnv = process.env): Promise<Host> {
  const { host, tokenFile, ca, insecure } = options
  if (host === undefined && (tokenFile ?? ca ?? insecure) !== undefined) {
    throw new RemoraError('USAGE', '--token-file, --ca and --insecure are for a service: name it with --host')
  }
  // An empty name, as of a variable that is not set, must not turn into this host.
  return host === undefined ? usualHost(env) : namedHost({ ...options, host }, env)
}

/** This machine; by way of its service for a user without rights, where there is one that he may use. */
export async function usualHost(env: NodeJS.ProcessEnv = process.env): Promise<Host> {
  const service = await findLocalService(env)
  return service === undefined ? thisMachine : serviceHost(service)
}

/**
 * The machine behind a service.
 * @throws RemoraError USAGE
 */
export function namedHost(address: ServiceAddress, env?: NodeJS.ProcessEnv): ServiceHost {
  return serviceHost(namedService(address, env))
}
