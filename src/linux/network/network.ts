/** Interfaces and routes of a namespace at once: what a capture has to know of it before it begins. */
import type { NetworkInterface } from '../../model/interface.ts'
import type { Route } from '../../model/route.ts'
import type { NetworkNamespace } from '../namespace/netns.ts'
import { listInterfaces } from './iproute.ts'
import { readRoutes } from './routes.ts'

/** What a namespace has to send and receive with. */
export interface Network {
  readonly interfaces: readonly NetworkInterface[]
  readonly routes: readonly Route[]
}

/**
 * Reads both; routes that cannot be read are none.
 * @throws RemoraError FORBIDDEN, TOOL_MISSING or CAPTURE_FAILED
 */
export async function readNetwork(namespace: NetworkNamespace, signal?: AbortSignal): Promise<Network> {
  const [interfaces, routes] = await Promise.all([listInterfaces(namespace, signal), readRoutes(namespace, signal)])
  return { interfaces, routes }
}
