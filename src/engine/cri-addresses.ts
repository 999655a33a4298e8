/**
 * Addresses of pods. The CRI lists sandboxes without them, so each is asked for its status; what has not been answered in
 * time goes without, since only names depend on it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { mapLimit } from '../base/map-limit.ts'
import type { Container } from './engine.ts'
import type { Connection } from './grpc.ts'
import { namespaceMode, podSandboxStatus } from './messages.ts'

/** Milliseconds for all of them. */
const patience = 150
const atOnce = 16

/** Fills in the addresses of sandboxes; a pod in the network of its node has none of its own. */
export async function addPodAddresses(connection: Connection, containers: readonly Container[]): Promise<Container[]> {
  const found = new Map<string, readonly string[]>()
  const late = new AbortController()
  const asking = mapLimit(
    containers.filter(({ pod }) => pod?.sandbox),
    atOnce,
    async ({ id }) => {
      if (!late.signal.aborted) found.set(id, await podAddresses(connection, id).catch(() => []))
    },
  )
  await Promise.race([asking, sleep(patience, undefined, late)])
  late.abort()
  return containers.map(container => ({ ...container, addresses: found.get(container.id) ?? container.addresses }))
}

async function podAddresses(connection: Connection, podSandboxId: string): Promise<string[]> {
  const { status } = await connection.call(podSandboxStatus, { podSandboxId })
  const { network, linux } = status ?? {}
  if (network === undefined || linux?.namespaces?.options?.network === namespaceMode.node) return []
  return [network.ip, ...network.additionalIps.map(({ ip }) => ip)].filter(ip => ip !== '')
}
