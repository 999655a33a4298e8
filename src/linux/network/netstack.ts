/**
 * Interfaces with their addresses, and the routes of the tables main and local, of one namespace: a single run of ip(8),
 * whose batch mode answers each command on a line of its own.
 */
import type { Link, Route } from '../../ghostwire/snapshot.ts'
import type { NetworkNamespace } from '../namespace/netns.ts'
import { nsenterFailure, runInNamespace } from '../namespace/nsenter.ts'
import { findTool } from '../programs/tools.ts'
import { parseIpJson } from './ip-json.ts'
import { type IpLink, toLinks } from './ip-link.ts'
import { type IpRoute, toRoutes } from './ip-route.ts'

/** The network stack of a namespace, as far as it is shown. */
export interface Netstack {
  readonly links: readonly Link[]
  readonly routes: readonly Route[]
}

/** Asked for one table, ip(8) does not say which it is; a root of a family asks for that family. */
const commands = ['address show', 'route show table all root 0.0.0.0/0', 'route show table all root ::/0']

/** Main and local (rtnetlink(7)); the others are those of policies, and of no interest to clients. */
const tables = [254, 255]

/**
 * Reads the network stack of a namespace. Without IPv6 in the kernel its commands fail, which costs their part.
 * @throws RemoraError FORBIDDEN, TOOL_MISSING or CAPTURE_FAILED
 */
export async function readNetstack(namespace: NetworkNamespace, signal?: AbortSignal): Promise<Netstack> {
  const command = [findTool('ip'), '-json', '-details', '-force', '-batch', '-']
  const { stdout, stderr } = await runInNamespace(namespace, command, { signal, input: `${commands.join('\n')}\n` })
  const failure = nsenterFailure(stderr)
  if (failure !== undefined) throw failure
  return parseNetstack(stdout)
}

/** Reads the answers: a list a line; what the lists hold tells which is which. */
export function parseNetstack(output: string): Netstack {
  const entries = output.split('\n').flatMap(line => parseLine(line))
  const links = entries.filter((entry): entry is IpLink => typeof entry.ifindex === 'number')
  const routes = entries.filter((entry): entry is IpRoute => typeof entry.dst === 'string')
  return { links: toLinks(links), routes: routes.flatMap(toRoutes).filter(({ table }) => tables.includes(table)) }
}

function parseLine(line: string): Partial<IpLink & IpRoute>[] {
  try {
    const entries: unknown = parseIpJson<Partial<IpLink & IpRoute>>(line)
    return Array.isArray(entries) ? entries.filter(entry => typeof entry === 'object' && entry !== null) : []
  } catch {
    return []
  }
}
