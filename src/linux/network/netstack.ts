/**
 * Interfaces with their addresses, and the routes of the tables main and local, of one namespace: a single run of ip(8),
 * whose batch mode answers each command on a line of its own.
 */
import { closeSync } from 'node:fs'
import { inPieces } from '../../base/pieces.ts'
import type { Netstack } from '../../model/host.ts'
import { routingTables } from '../../model/route.ts'
import { openText } from '../files/temporary.ts'
import { fileFor, readMany, runInEach } from '../namespace/each.ts'
import type { NetworkNamespace } from '../namespace/netns.ts'
import { nsenterFailure, runInNamespace } from '../namespace/nsenter.ts'
import { findTool } from '../programs/tools.ts'
import { parseIpJson } from './ip-json.ts'
import { type IpLink, toDetailedInterfaces } from './ip-link.ts'
import { type IpRoute, toRoutes } from './ip-route.ts'

/** The part of a network stack that ip(8) tells. */
export type IpStack = Pick<Netstack, 'interfaces' | 'routes'>

/** Asked for one table, ip(8) does not say which it is; a root of a family asks for that family. */
const commands = ['address show', 'route show table all root 0.0.0.0/0', 'route show table all root ::/0']

/** The other tables are those of policies, and of no interest to clients. */
const tables: readonly number[] = Object.values(routingTables)

/**
 * Reads the network stack of a namespace. Without IPv6 in the kernel its commands fail, which costs their part.
 * @throws RemoraError FORBIDDEN, TOOL_MISSING or CAPTURE_FAILED
 */
export async function readNetstack(namespace: NetworkNamespace, signal?: AbortSignal): Promise<IpStack> {
  const command = [findTool('ip'), '-json', '-details', '-force', '-batch', '-']
  const { stdout, stderr } = await runInNamespace(namespace, command, { signal, input: `${commands.join('\n')}\n` })
  const failure = nsenterFailure(stderr)
  if (failure !== undefined) throw failure
  return parseNetstack(stdout)
}

/**
 * Reads the network stacks of many namespaces, in batches where that can be done.
 * @returns in the order given, a failure in place of what could not be read
 */
export async function readNetstacks(
  namespaces: readonly NetworkNamespace[],
  signal?: AbortSignal,
): Promise<(IpStack | Error)[]> {
  return readMany(
    namespaces,
    simple => readBatch(simple, signal),
    namespace => readNetstack(namespace, signal),
    signal,
  )
}

/** None when the batch was not answered in full: each namespace has interfaces, and its answer begins with them. */
async function readBatch(namespaces: readonly NetworkNamespace[], signal?: AbortSignal): Promise<IpStack[]> {
  const file = openText(`${commands.join('\n')}\n`)
  if (file === undefined) return []
  try {
    const command = [findTool('ip'), '-json', '-details', '-batch', fileFor(namespaces)]
    const lines = (await runInEach(namespaces, command, { signal, file }))?.split('\n') ?? []
    const groups: Partial<IpLink & IpRoute>[][] = []
    await inPieces(
      lines,
      line => {
        const entries = parseLine(line)
        if (entries.some(({ ifindex }) => ifindex !== undefined)) groups.push(entries)
        else groups.at(-1)?.push(...entries)
      },
      signal,
    )
    return inPieces(groups, toNetstack, signal)
  } finally {
    closeSync(file)
  }
}

/** Reads the answers: a list a line; what the lists hold tells which is which. */
export function parseNetstack(output: string): IpStack {
  return toNetstack(output.split('\n').flatMap(line => parseLine(line)))
}

function toNetstack(entries: readonly Partial<IpLink & IpRoute>[]): IpStack {
  const links = entries.filter(({ ifindex }) => typeof ifindex === 'number')
  const routes = entries.filter((entry): entry is IpRoute => typeof entry.dst === 'string')
  return {
    interfaces: toDetailedInterfaces(links),
    routes: routes.flatMap(toRoutes).filter(({ table }) => tables.includes(table)),
  }
}

function parseLine(line: string): Partial<IpLink & IpRoute>[] {
  try {
    const entries: unknown = parseIpJson<Partial<IpLink & IpRoute>>(line)
    return Array.isArray(entries) ? entries.filter(entry => typeof entry === 'object' && entry !== null) : []
  } catch {
    return []
  }
}
