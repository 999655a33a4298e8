/** `host`: the network of this host. */
import { openHost } from '../../host/host.ts'
import type { Opener } from './opener.ts'

/** Opens the host's network namespace. */
export const openHostNetwork: Opener<unknown> = () => [
  { reference: 'host', name: 'host', type: 'host', namespace: openHost() },
]
