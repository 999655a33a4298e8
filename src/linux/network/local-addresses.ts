/**
 * The addresses that a network namespace has itself, seen from a process in it (proc_pid_net(5)): no process is started.
 * `fib_trie` has those of IPv4 as leaves `/32 host LOCAL` (net/ipv4/fib_trie.c), `if_inet6` those of IPv6
 * (net/ipv6/addrconf.c).
 */

import { addressText } from '../../base/ip.ts'
import { readBeginning } from '../process/proc.ts'

/** Enough for a thousand addresses; a namespace with a large routing table shows the first. */
const mostBytes = 256 * 1024

/** Addresses on the interfaces of the namespace that a process lives in; none when it has ended. */
export function readLocalAddresses(pid: number, proc = '/proc'): Set<string> {
  const read = (name: string) => readBeginning(`${proc}/${pid}/net/${name}`, mostBytes) ?? ''
  return new Set([...parseFibTrie(read('fib_trie')), ...parseIfInet6(read('if_inet6'))])
}

/** Each leaf `|-- ADDRESS` is followed by lines of what is known of it. */
export function parseFibTrie(text: string): string[] {
  const found = new Set<string>()
  let leaf: string | undefined
  for (const line of text.split('\n')) {
    const [, address] = /^\s*\|-- (\d{1,3}(?:\.\d{1,3}){3})$/.exec(line) ?? []
    if (address !== undefined) leaf = address
    else if (leaf !== undefined && /^\s*\/32 host LOCAL$/.test(line)) found.add(leaf)
  }
  return [...found]
}

/** Lines of an address in 32 hexadecimal digits, index, prefix length, scope, flags and interface. */
export function parseIfInet6(text: string): string[] {
  return text.split('\n').flatMap(line => {
    const [, digits] = /^([0-9a-f]{32}) /.exec(line) ?? []
    return digits === undefined ? [] : [addressText(Buffer.from(digits, 'hex'))]
  })
}
