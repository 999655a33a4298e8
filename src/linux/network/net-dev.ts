/**
 * What has gone through the interfaces of a network namespace so far: /proc/PID/net/dev (proc_pid_net(5)), which shows the
 * namespace of that process; of a namespace without one, from within.
 */
import type { NetworkNamespace } from '../namespace/netns.ts'
import { runInNamespace } from '../namespace/nsenter.ts'
import { readBeginning, readNamespaceInode } from '../process/proc.ts'
import { findTool } from '../programs/tools.ts'

/** What has gone through an interface since it was made; the kernel counts on both ends. */
export interface DeviceCounters {
  readonly rxPackets: number
  readonly rxBytes: number
  readonly txPackets: number
  readonly txBytes: number
}

/** Counters by the name of the interface. */
export type NetworkCounters = ReadonlyMap<string, DeviceCounters>

/** Bytes that are read: some 4,000 interfaces. Whoever owns a namespace makes as many as he likes. */
const longest = 512 * 1024

/**
 * Counters of the interfaces in the network namespace of a process; undefined when they cannot be read, as when it has
 * ended.
 */
export function readDeviceCounters(pid: number | 'self', proc = '/proc'): NetworkCounters | undefined {
  const text = readBeginning(`${proc}/${pid}/net/dev`, longest)
  return text === undefined ? undefined : parseDeviceCounters(text)
}

/**
 * Counters of the interfaces in a network namespace.
 * @throws RemoraError TOOL_MISSING or CAPTURE_FAILED when nothing can be run in it; the reason of the signal
 */
export async function readNamespaceCounters(
  namespace: NetworkNamespace,
  signal?: AbortSignal,
): Promise<NetworkCounters> {
  const { process, inode, own } = namespace
  // A process may have changed its namespace meanwhile.
  const pid = own ? 'self' : readNamespaceInode(process?.pid ?? 0, 'net') === inode ? process?.pid : undefined
  const known = pid === undefined ? undefined : readDeviceCounters(pid)
  if (known !== undefined) return known
  const { stdout } = await runInNamespace(namespace, [findTool('cat'), '/proc/self/net/dev'], { signal })
  return parseDeviceCounters(stdout.slice(0, longest))
}

/**
 * Reads the table: two lines of headings, then an interface a line, `name: RX… TX…`, eight numbers each (dev_seq_printf_stats in
 * net/core/net-procfs.c). A name has no colon (dev_valid_name in net/core/dev.c). What is cut off or no number is left out.
 */
export function parseDeviceCounters(text: string): NetworkCounters {
  const lines = text.split('\n').slice(2, -1)
  return new Map(
    lines.flatMap(line => {
      const [, name, rest] = /^ *([^:]+):(.*)$/.exec(line) ?? []
      const numbers = (rest ?? '').trim().split(/\s+/).map(Number)
      const [rxBytes, rxPackets] = numbers
      const [txBytes, txPackets] = numbers.slice(8)
      if (name === undefined || numbers.length !== 16 || !numbers.every(Number.isSafeInteger)) return []
      return [[name, { rxPackets, rxBytes, txPackets, txBytes } as DeviceCounters] as const]
    }),
  )
}
