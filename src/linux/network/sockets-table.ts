/**
 * The sockets of a network namespace, from /proc/PID/net/{tcp,tcp6,udp,udp6} (proc_pid_net(5)). Addresses stand there as
 * hexadecimal words in the byte order of the host, ports as plain numbers.
 */
import { endianness } from 'node:os'
import { addressText, type Family, unspecified, wordsToBytes } from '../../base/ip.ts'
import type { Socket } from '../../model/socket.ts'
import type { NetworkNamespace } from '../namespace/netns.ts'
import { runInNamespace } from '../namespace/nsenter.ts'
import { readNamespaceInode, readText } from '../process/proc.ts'
import { lookUpTool } from '../programs/tools.ts'
import { readNetFiles } from './net-files.ts'

/** A socket with its inode, by which its owners are found; 0 when it has none any more. */
export interface TableSocket extends Omit<Socket, 'owners'> {
  readonly inode: number
}

const files = ['tcp', 'tcp6', 'udp', 'udp6']

/** Sockets of a namespace, and how many there were of each kind, where that can be seen. */
export interface SocketTable {
  readonly sockets: readonly TableSocket[]
  readonly counts: SocketCounts | undefined
}

/**
 * Reads the sockets of a namespace through a process in it, else from within; what cannot be read is left out.
 * @param before sockets of an earlier look, whose options are known: they do not change once a socket is bound
 */
export async function readSockets(
  namespace: NetworkNamespace,
  signal?: AbortSignal,
  before: readonly TableSocket[] = [],
): Promise<SocketTable> {
  const counts = readSocketCounts(namespace)
  const sockets = await readTables(namespace, counts, signal)
  const wide = sockets.filter(isWide)
  if (wide.length === 0) return { sockets, counts }
  const known = new Map(before.filter(isWide).map(({ inode, ipv6Only = false }) => [inode, ipv6Only]))
  const isKnown = wide.every(({ inode }) => known.has(inode))
  const narrow = isKnown
    ? new Set([...known].flatMap(([inode, ipv6Only]) => (ipv6Only ? inode : [])))
    : await readIpv6Only(namespace, signal)
  const complete = sockets.map(socket =>
    isWide(socket) && narrow.has(socket.inode) ? { ...socket, ipv6Only: true } : socket,
  )
  return { sockets: complete, counts }
}

/** Sockets in use by kind, and those that wait for their end (`tw`). */
export type SocketCounts = Readonly<Record<'TCP' | 'TCP6' | 'UDP' | 'UDP6' | 'tw', number>>

/**
 * How many sockets namespaces have (proc_pid_net(5), `sockstat`); undefined where that cannot be read.
 * @returns in the order given
 */
export async function readCountsOfMany(
  namespaces: readonly NetworkNamespace[],
  signal?: AbortSignal,
): Promise<(SocketCounts | undefined)[]> {
  const files = await readNetFiles(namespaces, ['sockstat', 'sockstat6'], signal)
  return files.map(texts => parseSocketCounts(texts.get('sockstat') ?? '', texts.get('sockstat6') ?? ''))
}

/**
 * How many sockets a namespace has, as a process in it sees it; undefined without a process. It is the tables that take long:
 * for each the kernel goes through the half a million places of all sockets of the machine.
 */
export function readSocketCounts({ process, inode }: NetworkNamespace): SocketCounts | undefined {
  if (process === undefined) return undefined
  const [older = '', newer = ''] = ['sockstat', 'sockstat6'].map(file => readText(`/proc/${process.pid}/net/${file}`))
  return readNamespaceInode(process.pid, 'net') === inode ? parseSocketCounts(older, newer) : undefined
}

/** Reads `sockstat` and `sockstat6`, the latter empty without IPv6; undefined where they are something else. */
export function parseSocketCounts(older: string, newer: string): SocketCounts | undefined {
  const [, inUse, waiting] = /^TCP: inuse (\d+) .*\btw (\d+)/m.exec(older) ?? []
  const [, udp] = /^UDP: inuse (\d+)/m.exec(older) ?? []
  if (inUse === undefined || waiting === undefined || udp === undefined) return undefined
  const count6 = (kind: string) => Number(new RegExp(`^${kind}: inuse (\\d+)`, 'm').exec(newer)?.[1] ?? 0)
  return { TCP: Number(inUse), TCP6: count6('TCP6'), UDP: Number(udp), UDP6: count6('UDP6'), tw: Number(waiting) }
}

/** The tables that may hold a socket: one of IPv4 may be asked for at a socket that listens for both. */
export function tablesFor({ TCP, TCP6, UDP, UDP6, tw }: SocketCounts): string[] {
  const wanted = { tcp: TCP + TCP6 + tw, tcp6: TCP6 + tw, udp: UDP, udp6: UDP6 }
  return Object.entries(wanted).flatMap(([file, count]) => (count > 0 ? file : []))
}

/** Whether a socket serves every address, maybe those of IPv4 too. */
function isWide({ localAddress, remoteAddress }: TableSocket): boolean {
  return localAddress === unspecified.ipv6 && remoteAddress === unspecified.ipv6
}

async function readTables(
  namespace: NetworkNamespace,
  counts: SocketCounts | undefined,
  signal?: AbortSignal,
): Promise<TableSocket[]> {
  const { process, inode } = namespace
  if (process !== undefined) {
    const tables = (counts === undefined ? files : tablesFor(counts)).map(
      file => readText(`/proc/${process.pid}/net/${file}`) ?? '',
    )
    // A process may have changed its namespace meanwhile.
    return readNamespaceInode(process.pid, 'net') === inode ? tables.flatMap(table => parseSockets(table)) : []
  }
  const cat = lookUpTool('cat')
  if (cat === undefined) return []
  const paths = files.map(file => `/proc/self/net/${file}`)
  return parseSockets((await runInNamespace(namespace, [cat, ...paths], { signal })).stdout)
}

/**
 * Inodes of the sockets that take no IPv4. No file of /proc tells that option; the kernel tells ss(8) (INET_DIAG_SKV6ONLY,
 * sock_diag(7)).
 */
async function readIpv6Only(namespace: NetworkNamespace, signal?: AbortSignal): Promise<Set<number>> {
  const ss = lookUpTool('ss')
  if (ss === undefined) return new Set()
  const { stdout } = await runInNamespace(namespace, [ss, '-6', '-H', '-l', '-t', '-u', '-n', '-e'], { signal })
  return parseIpv6Only(stdout)
}

/** Reads lines of ss(8) with extended information: `… ino:527627 sk:263 cgroup:/ v6only:1 <->`; anybody may name a cgroup. */
export function parseIpv6Only(output: string): Set<number> {
  return new Set(
    output.split('\n').flatMap(line => {
      const [, inode] = / ino:(\d+) .* v6only:1(?: [<>-]+)?\s*$/.exec(line) ?? []
      return inode === undefined ? [] : Number(inode)
    }),
  )
}

/** Reads tables, one behind another: the heading of each tells its protocol. */
export function parseSockets(text: string, order: 'LE' | 'BE' = endianness()): TableSocket[] {
  let protocol: Socket['protocol'] = 'tcp'
  return text.split('\n').flatMap(line => {
    if (line.includes('local_address')) protocol = line.includes('drops') ? 'udp' : 'tcp'
    const fields = line.trim().split(/\s+/)
    const [local, remote] = [parseEndpoint(fields[1], order), parseEndpoint(fields[2], order)]
    if (local === undefined || remote === undefined) return []
    return {
      family: local.family,
      protocol,
      localAddress: local.address,
      localPort: local.port,
      remoteAddress: remote.address,
      remotePort: remote.port,
      state: Number.parseInt(fields[3] ?? '', 16),
      inode: Number(fields[9]) || 0,
    }
  })
}

function parseEndpoint(text: string | undefined, order: 'LE' | 'BE') {
  const [, hex, port] = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(text ?? '') ?? []
  if (hex === undefined || port === undefined) return undefined
  const bytes = wordsToBytes(hex, order)
  const family: Family = bytes.length === 4 ? 'ipv4' : 'ipv6'
  return { family, address: addressText(bytes), port: Number.parseInt(port, 16) }
}
