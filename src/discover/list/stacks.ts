/** A closer look into every network namespace: interfaces, routes, sockets and forwarded ports. */
import { isDeepStrictEqual } from 'node:util'
import { reasonOf } from '../../base/errors.ts'
import { mapLimit } from '../../base/map-limit.ts'
import { inPieces, makePause } from '../../base/pieces.ts'
import { batchesOf } from '../../linux/namespace/each.ts'
import { hasGone, type NetworkNamespace } from '../../linux/namespace/netns.ts'
import { readDriver } from '../../linux/network/driver.ts'
import { readForwardsOfMany } from '../../linux/network/forwards.ts'
import { readNamespaceIds } from '../../linux/network/namespace-ids.ts'
import { readNetstacks } from '../../linux/network/netstack.ts'
import {
  readCountsOfMany,
  readSocketCounts,
  readSockets,
  type SocketTable,
  type TableSocket,
  tablesFor,
} from '../../linux/network/sockets-table.ts'
import type { NamespaceIds, Netstack } from '../../model/host.ts'
import type { DetailedInterface } from '../../model/interface.ts'
import { relate } from '../../model/relations.ts'
import type { Target } from '../../model/target.ts'
import { openTarget } from './interfaces.ts'

/** A namespace without its sockets, which are different from one look to the next. */
export type Stack = Omit<Netstack, 'sockets'>

/** Batches of namespaces that are looked into at once: each keeps one core busy. */
const concurrency = 2
/** Namespaces that are asked one by one at once. */
const singly = 4

/** Reads the namespaces of targets, each once; one that cannot be read has nothing in it. */
export async function readStacks(
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<{ stacks: Stack[]; sockets: SocketMemory; warnings: string[] }> {
  const warnings = new Set<string>()
  const sockets: SocketMemory = new Map()
  const groups = [...Map.groupBy(targets, ({ netns }) => netns)].filter(([netns]) => netns > 0)
  const batches = await mapLimit(batchesOf(groups, concurrency), concurrency, batch =>
    readBatch(batch, sockets, signal, warning => warnings.add(warning)),
  )
  return { stacks: batches.flat(), sockets, warnings: [...warnings] }
}

/** Targets by the network namespace they share. */
type Group = readonly [netns: number, targets: readonly Target[]]

async function readBatch(
  groups: readonly Group[],
  sockets: SocketMemory,
  signal: AbortSignal,
  warn: (warning: string) => void,
) {
  const opened = await inPieces(groups, ([netns, targets]) => ({ netns, targets, namespace: tryOpenOne(targets) }))
  const namespaces = opened.flatMap(({ namespace }) => (namespace instanceof Error ? [] : [namespace]))
  try {
    const [netstacks, forwards] = await Promise.all([
      readNetstacks(namespaces, signal),
      readForwardsOfMany(namespaces, signal),
      noteEmpty(namespaces, sockets, signal),
    ])
    signal.throwIfAborted()
    return opened.map(({ namespace, ...group }): Stack => {
      if (namespace instanceof Error) return toStack(group, { netstack: namespace, forwards: [], isOwn: false }, warn)
      const at = namespaces.indexOf(namespace)
      return toStack(group, { netstack: netstacks[at], forwards: forwards[at], isOwn: namespace.own }, warn)
    })
  } finally {
    for (const namespace of namespaces) namespace.close()
  }
}

/** The stack of targets from what was read of it, or from why it was not. */
function toStack(
  { netns, targets }: Pick<Stack, 'netns' | 'targets'>,
  read: {
    readonly netstack: Pick<Netstack, 'interfaces' | 'routes'> | Error | undefined
    readonly forwards: Netstack['forwards'] | Error | undefined
    /** Its interfaces may be real devices, which have drivers. */
    readonly isOwn: boolean
  },
  warn: (warning: string) => void,
): Stack {
  const { netstack, isOwn } = read
  if (netstack === undefined || netstack instanceof Error) {
    if (!hasGone(netstack)) warn(`network stack not read: ${reasonOf(netstack)}`)
    return { netns, targets, interfaces: [], routes: [], forwards: [] }
  }
  const { interfaces, routes } = netstack
  if (read.forwards instanceof Error) warn(`part of a network stack not read: ${reasonOf(read.forwards)}`)
  const forwards = read.forwards instanceof Error ? [] : (read.forwards ?? [])
  return { netns, targets, routes, interfaces: isOwn ? interfaces.map(withDriver) : interfaces, forwards }
}

/** Takes note of namespaces without a process that have no sockets: each would have to be entered for its tables. */
async function noteEmpty(namespaces: readonly NetworkNamespace[], sockets: SocketMemory, signal: AbortSignal) {
  const hidden = namespaces.filter(({ own, process }) => !own && process === undefined)
  for (const [index, counts] of (await readCountsOfMany(hidden, signal)).entries()) {
    const namespace = hidden[index]
    if (namespace === undefined || counts === undefined || tablesFor(counts).length > 0) continue
    sockets.set(namespace.inode, { sockets: [], counts: undefined })
  }
}

/** Sockets that were read, by the inode of the namespace. */
export type SocketMemory = Map<number, SocketTable>

/**
 * Reads the sockets of namespaces; what cannot be read, or not in time, costs nothing else.
 * @param memory what was read lately; where there are as many sockets of each kind as then, it is taken for the truth
 * @returns by the inode of the namespace
 */
export async function readSocketsOf(
  stacks: readonly Stack[],
  signal: AbortSignal,
  memory: SocketMemory,
): Promise<{ readonly sockets: ReadonlyMap<number, readonly TableSocket[]>; readonly warnings: string[] }> {
  const warnings = new Set<string>()
  const pause = makePause()
  const read = await mapLimit(stacks, singly, async ({ netns, targets }): Promise<[number, readonly TableSocket[]]> => {
    await pause()
    try {
      const before = memory.get(netns)
      const table = await within(targets, async namespace =>
        before !== undefined && isDeepStrictEqual(before.counts, readSocketCounts(namespace))
          ? before
          : readSockets(namespace, signal, before?.sockets),
      )
      memory.set(netns, table)
      return [netns, table.sockets]
    } catch (error) {
      signal.throwIfAborted()
      if (!hasGone(error)) warnings.add(`part of a network stack not read: ${reasonOf(error)}`)
      return [netns, []]
    }
  })
  return { sockets: new Map(read), warnings: [...warnings] }
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
    await mapLimit(asked, singly, async ({ netns, targets }) => {
      try {
        ids.set(netns, await within(targets, namespace => readNamespaceIds(namespace, signal)))
      } catch {
        signal.throwIfAborted()
        ids.set(netns, new Map())
      }
    })
  }
}

function withDriver(nif: DetailedInterface): DetailedInterface {
  const driver = readDriver(nif.name)
  return driver === undefined ? nif : { ...nif, driver }
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

function tryOpenOne(targets: readonly Target[]): NetworkNamespace | Error {
  try {
    return openOne(targets)
  } catch (error) {
    return error as Error
  }
}
