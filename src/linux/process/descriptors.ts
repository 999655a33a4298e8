/**
 * Who holds which socket, and who serves which TUN or TAP interface: one pass over the descriptors of all processes
 * (proc_pid_fd(5)). The name of an interface stands in fdinfo, as `iff:` (tun_chr_show_fdinfo in drivers/net/tun.c).
 */
import { inPieces } from '../../base/pieces.ts'
import { listDescriptors, listProcesses, readLink, readText } from './proc.ts'

/** What processes hold open. */
export interface Holders {
  /** Numbers of processes by the inode of a socket, ascending. */
  readonly sockets: ReadonlyMap<number, readonly number[]>
  /** Names of interfaces by the number of a process. */
  readonly taps: ReadonlyMap<number, readonly string[]>
}

/** Looks at the descriptors of all processes this user may look into. */
export async function readHolders(signal?: AbortSignal, proc = '/proc'): Promise<Holders> {
  const sockets = new Map<number, number[]>()
  const taps = new Map<number, string[]>()
  const readOne = (pid: number) => {
    for (const descriptor of listDescriptors(pid, proc)) {
      const target = readLink(`${proc}/${pid}/fd/${descriptor}`) ?? ''
      if (target.startsWith('socket:[')) note(sockets, Number(target.slice(8, -1)), pid)
      const tap = target.endsWith('/net/tun') ? tapName(`${proc}/${pid}/fdinfo/${descriptor}`) : ''
      if (tap !== '') note(taps, pid, tap)
    }
  }
  await inPieces(listProcesses(proc), readOne, signal)
  return { sockets, taps }
}

/** The interface that a descriptor of /dev/net/tun serves; empty when it serves none. */
function tapName(fdinfo: string): string {
  const [, name = ''] = /^iff:\t(.*)$/m.exec(readText(fdinfo) ?? '') ?? []
  return name
}

function note<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key)
  if (values === undefined) map.set(key, [value])
  else if (!values.includes(value)) values.push(value)
}
