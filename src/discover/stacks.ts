/** A closer look into every network namespace: interfaces, routes, sockets and forwarded ports. */
import { eachOf } from '../base/each.ts'
import { reasonOf } from '../base/errors.ts'
import { relate } from '../ghostwire/relations.ts'
import type { NamespaceIds, NamespaceSnapshot } from '../ghostwire/snapshot.ts'
import { readNamespaceIds } from '../linux/namespace/ids.ts'
import { hasGone, type NetworkNamespace } from '../linux/namespace/netns.ts'
import { readDriver } from '../linux/network/driver.ts'
import { readForwards } from '../linux/network/forwards.ts'
import { readNetstack } from '../linux/network/netstack.ts'
import { readSockets, type TableSocket } from '../linux/network/sockets-table.ts'
import type { Target } from '../target/model.ts'
import { openTarget } from './interfaces.ts'

/** A namespace whose sockets have no owners yet. */
export interface Stack extends Omit<NamespaceSnapshot, 'sockets'> {
  readonly sockets: readonly TableSocket[]
}

/** Namespaces that are looked into at once: each starts a process. */
const concurrency = 4

/** Reads the namespaces of targets, each once; one that cannot be read has nothing in it. */
export async function readStacks(
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<{ stacks: Stack[]; warnings: string[] }> {
  const warnings = new Set<string>()
  const groups = [...Map.groupBy(targets, ({ netns }) => netns)].filter(([netns]) => netns > 0)
  const stacks = await eachOf(groups, concurrency, async ([netns, group]): Promise<Stack> => {
    const nothing = { netns, targets: group, links: [], routes: [], sockets: [], forwards: [] }
    try {
      return { ...nothing, ...(await within(group, namespace => readStack(namespace, signal, warnings))) }
    } catch (error) {
      signal.throwIfAborted()
      if (!hasGone(error)) warnings.add(`network stack not read: ${reasonOf(error)}`)
      return nothing
    }
  })
  return { stacks, warnings: [...warnings] }
}

/**
 * Asks for the meaning of the numbers by which namespaces know others, where that is needed to tell which interfaces
 * belong together: first the namespace in the middle, then those whose peers it does not know.
 */
export async function readIds(stacks: readonly Stack[], signal: AbortSignal): Promise<NamespaceIds> {
  const ids = new Map<number, ReadonlyMap<number, number>>()
  for (;;) {
    const open = new Set(relate(stacks, ids).open)
    if (open.size === 0) return ids
    const asked = stacks.filter(({ netns }) => open.has(netns))
    await eachOf(asked, concurrency, async ({ netns, targets }) => {
      try {
        ids.set(netns, await within(targets, namespace => readNamespaceIds(namespace, signal)))
      } catch {
        signal.throwIfAborted()
        ids.set(netns, new Map())
      }
    })
  }
}

/** Reads a namespace; sockets and forwarded ports that cannot be read, or not in time, cost nothing else. */
async function readStack(namespace: NetworkNamespace, signal: AbortSignal, warnings: Set<string>) {
  const { links, routes } = await readNetstack(namespace, signal)
  const orNothing = (error: unknown) => {
    signal.throwIfAborted()
    warnings.add(`part of a network stack not read: ${reasonOf(error)}`)
    return []
  }
  const sockets = await readSockets(namespace, signal).catch(orNothing)
  const forwards = await readForwards(namespace, signal).catch(orNothing)
  return { links: namespace.own ? links.map(withDriver) : links, routes, sockets, forwards }
}

function withDriver(link: NamespaceSnapshot['links'][number]) {
  const driver = readDriver(link.name)
  return driver === undefined ? link : { ...link, driver }
}

/** Does something with the namespace of targets that share it, through the first that can be opened. */
async function within<T>(targets: readonly Target[], action: (namespace: NetworkNamespace) => Promise<T>): Promise<T> {
  const namespace = openOne(targets)
  try {
    return await action(namespace)
  } finally {
    namespace.close()
  }
}

function openOne(targets: readonly Target[]): NetworkNamespace {
  let failure: unknown
  for (const target of targets) {
    try {
      return openTarget(target)
    } catch (error) {
      failure ??= error
    }
  }
  throw failure
}
