/**
 * The sockets of a network namespace, from /proc/PID/net/{tcp,tcp6,udp,udp6} (proc_pid_net(5)). Addresses stand there as
 * hexadecimal words in the byte order of the host, ports as plain numbers.
 */
import { endianness } from 'node:os'
import type { Socket } from '../../ghostwire/snapshot.ts'
import type { NetworkNamespace } from '../namespace/netns.ts'
import { runInNamespace } from '../namespace/nsenter.ts'
import { readNamespaceInode, readText } from '../process/proc.ts'
import { lookUpTool } from '../programs/tools.ts'
import { addressText } from './address.ts'

/** A socket with its inode, by which its owners are found; 0 when it has none any more. */
export interface TableSocket extends Omit<Socket, 'owners'> {
  readonly inode: number
}

const files = ['tcp', 'tcp6', 'udp', 'udp6']

/** Reads the sockets of a namespace through a process in it, else from within; what cannot be read is left out. */
export async function readSockets(namespace: NetworkNamespace, signal?: AbortSignal): Promise<TableSocket[]> {
  const sockets = await readTables(namespace, signal)
  if (!sockets.some(isWide)) return sockets
  const narrow = await readIpv6Only(namespace, signal)
  return sockets.map(socket => (isWide(socket) && narrow.has(socket.inode) ? { ...socket, ipv6Only: true } : socket))
}

/** Whether a socket serves every address, maybe those of IPv4 too. */
function isWide({ localAddress, remoteAddress }: TableSocket): boolean {
  return localAddress === '::' && remoteAddress === '::'
}

async function readTables(namespace: NetworkNamespace, signal?: AbortSignal): Promise<TableSocket[]> {
  const { process, inode } = namespace
  if (process !== undefined) {
    const tables = files.map(file => readText(`/proc/${process.pid}/net/${file}`) ?? '')
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
  const bytes = Buffer.from(hex, 'hex')
  if (order === 'LE') bytes.swap32()
  const family: Socket['family'] = bytes.length === 4 ? 'ipv4' : 'ipv6'
  return { family, address: addressText(bytes), port: Number.parseInt(port, 16) }
}
