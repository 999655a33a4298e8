/**
 * The routes of a network namespace as the kernel lists them (proc_pid_net(5): `route`, net/ipv4/fib_trie.c;
 * `ipv6_route`, net/ipv6/route.c): no process is started where one lives in the namespace, and one head(1) where none does.
 * The IPv4 list has the main table only, and of several next hops the first. A router may have a million routes; ip(8) would
 * print them all, but of these files no more is made than is read.
 */
import { endianness } from 'node:os'
import { addressText, netmaskLength, wordsToBytes } from '../../base/ip.ts'
import { type Route, routingTables } from '../../model/route.ts'
import type { NetworkNamespace } from '../namespace/netns.ts'
import { runInNamespace } from '../namespace/nsenter.ts'
import { readBeginning, readNamespaceInode } from '../process/proc.ts'
import { lookUpTool } from '../programs/tools.ts'

/** Enough for some hundred routes; of a whole routing table of the internet the first ones, the default among them. */
const mostBytes = 64 * 1024
/** Milliseconds for the process. */
const patience = 300

/** The routes a process sees, if it still lives in the namespace it was found in; none for a namespace without one. */
export function readProcessRoutes({ process, inode }: NetworkNamespace, proc = '/proc'): Route[] {
  if (process === undefined || readNamespaceInode(process.pid, 'net', proc) !== inode) return []
  const texts = ['route', 'ipv6_route'].map(name => readBeginning(`${proc}/${process.pid}/net/${name}`, mostBytes))
  return texts.flatMap(text => parseRoutes(text ?? ''))
}

/**
 * The routes of a namespace; none when they cannot be read, or not in time.
 * @throws the reason of the signal
 */
export async function readRoutes(namespace: NetworkNamespace, signal?: AbortSignal): Promise<Route[]> {
  const head = namespace.process === undefined ? lookUpTool('head') : undefined
  if (head === undefined) return readProcessRoutes(namespace)
  // Without IPv6 in the kernel it fails on the second file, having printed the first.
  const command = [head, '-q', '-c', String(mostBytes), '/proc/net/route', '/proc/net/ipv6_route']
  try {
    return parseRoutes((await runInNamespace(namespace, command, { signal, timeout: patience })).stdout)
  } catch {
    signal?.throwIfAborted()
    return []
  }
}

/** Reads either list, or one behind the other; a line that was cut off is none. */
export function parseRoutes(text: string, order: 'LE' | 'BE' = endianness()): Route[] {
  return text.split('\n').flatMap(line => {
    const fields = line.trim().split(/\s+/)
    if (fields.length === 11) return parseIpv4(fields, order) ?? []
    return fields.length === 10 ? (parseIpv6(fields) ?? []) : []
  })
}

/** RTF_* of linux/route.h and linux/ipv6_route.h. */
const flag = { up: 1, gateway: 2, reject: 0x200, anycast: 0x100000, cache: 0x1000000, local: 0x80000000 } as const
const notWanted = flag.reject | flag.anycast | flag.cache | flag.local

/** Iface Destination Gateway Flags RefCnt Use Metric Mask …; addresses as numbers of this machine. */
function parseIpv4([device = '', ...fields]: readonly string[], order: 'LE' | 'BE'): Route | undefined {
  const [destination, gateway, mask] = [fields[0], fields[1], fields[6]].map(hex => numberBytes(hex ?? '', order))
  const flags = hexNumber(fields[2] ?? '')
  const prefix = mask && netmaskLength(mask)
  if (destination === undefined || gateway === undefined || prefix === undefined || !isWanted(flags)) return undefined
  return routeOf(destination, prefix, gateway, { flags, metric: Number(fields[5]), device })
}

/** Destination, its prefix length, source, its prefix length, next hop, metric, references, use, flags, device. */
function parseIpv6(fields: readonly string[]): Route | undefined {
  const [destination = '', prefix = '', , , gateway = '', metric = '', , , flags = '', device = ''] = fields
  if (!/^[0-9a-f]{32}$/.test(destination) || !/^[0-9a-f]{32}$/.test(gateway)) return undefined
  // What is sent to every listener has a route on each interface (ff00::/8).
  if (!isWanted(hexNumber(flags)) || destination.startsWith('ff')) return undefined
  const told = { flags: hexNumber(flags), metric: hexNumber(metric), device }
  return routeOf(Buffer.from(destination, 'hex'), hexNumber(prefix), Buffer.from(gateway, 'hex'), told)
}

function hexNumber(text: string): number {
  return Number.parseInt(text, 16)
}

function isWanted(flags: number): boolean {
  return (flags & flag.up) !== 0 && (flags & notWanted) === 0
}

/** What is told of a route beside its addresses; the list of IPv6 has other tables, too, without saying which. */
interface RouteFields {
  readonly flags: number
  readonly metric: number
  readonly device: string
}

function routeOf(
  destination: Uint8Array,
  prefix: number,
  gateway: Uint8Array,
  { flags, metric, device }: RouteFields,
): Route {
  return {
    family: destination.length === 4 ? 'ipv4' : 'ipv6',
    type: 'unicast',
    destination: addressText(destination),
    prefix,
    device,
    nextHop: gateway.some(byte => byte !== 0) ? addressText(gateway) : '',
    // RTF_PREF of linux/ipv6_route.h.
    preference: ((flags >>> 27) & 3).toString(2).padStart(2, '0'),
    metric,
    table: routingTables.main,
  }
}

function numberBytes(hex: string, order: 'LE' | 'BE'): Buffer | undefined {
  return /^[0-9A-F]{8}$/.test(hex) ? wordsToBytes(hex, order) : undefined
}
