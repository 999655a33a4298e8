/**
 * Whether the interfaces and addresses of a network namespace are still those of a look before, without starting a
 * process in it: the names in /proc/PID/net/dev, and the addresses in `if_inet6` and in `fib_trie`, which has those of IPv4
 * as local routes (proc_pid_net(5), net/ipv4/fib_trie.c). An interface that is set down loses its routes there, and its groups in
 * `dev_mcast`. What these files do not tell is the state of a carrier.
 */
import { createHash } from 'node:crypto'
import { readBeginning, readNamespaceInode } from '../process/proc.ts'

/** Bytes of each file that count. Whoever owns a namespace makes them as long as he likes. */
const longest = 64 * 1024

/**
 * A digest of the interfaces, addresses and routes a process sees; undefined when it has ended, or is in another namespace.
 * @param netns inode of the network namespace it should be in
 */
export function networkFingerprint(pid: number, netns: number, proc = '/proc'): string | undefined {
  if (readNamespaceInode(pid, 'net', proc) !== netns) return undefined
  const read = (file: string) => readBeginning(`${proc}/${pid}/net/${file}`, longest) ?? ''
  // Behind the colon are counters.
  const names = read('dev').replace(/:.*$/gm, '')
  return createHash('sha256')
    .update([names, read('if_inet6'), read('fib_trie'), read('dev_mcast')].join('\n'))
    .digest('base64')
}
