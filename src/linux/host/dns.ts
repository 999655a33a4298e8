/** What a process resolves names with: hostname(5), resolv.conf(5) and hosts(5), as it sees them and may read them. */

import { canonicalAddress } from '../../base/ip.ts'
import { inPieces } from '../../base/pieces.ts'
import type { Dns } from '../../model/process.ts'
import { mountsOfOneMoment, readMounts } from '../namespace/answering.ts'
import { readInRoot } from '../namespace/file-in-root.ts'
import { readCredentials } from '../process/credentials.ts'

/** What the files of a process say, which leaves its host name. */
export type DnsFiles = Omit<Dns, 'utsHostname'>

/**
 * Reads the files of processes, each through the root of the process; what cannot be read is empty.
 * @returns by the number of the process
 */
export async function readDnsOfMany(pids: Iterable<number>, signal: AbortSignal): Promise<Map<number, DnsFiles>> {
  const mountsUnder = mountsOfOneMoment()
  return new Map(await inPieces(pids, pid => [pid, readDns(pid, '/proc', mountsUnder)] as const, signal))
}

/**
 * Reads the files of one process.
 * @param mountsUnder tells the mounts under a root
 */
export function readDns(pid: number, proc = '/proc', mountsUnder = readMounts): DnsFiles {
  const reader = readCredentials(pid, proc)
  const read = (path: string) => readInRoot(`${proc}/${pid}/root`, path, reader, mountsUnder) ?? ''
  const etcHostname = linesOf(read('/etc/hostname'))[0]?.join(' ') ?? ''
  return { etcHostname, ...parseResolver(read('/etc/resolv.conf')), hosts: parseHosts(read('/etc/hosts')) }
}

/** What is resolved by, and whom is asked. */
export interface ResolverSettings {
  readonly nameservers: readonly string[]
  readonly search: readonly string[]
  readonly options: readonly string[]
}

/** What a process has in its resolv.conf; undefined when it has none that can be read. */
export function readResolver(pid: number, proc = '/proc'): ResolverSettings | undefined {
  const text = readInRoot(`${proc}/${pid}/root`, '/etc/resolv.conf', readCredentials(pid, proc))
  if (text === undefined) return undefined
  const { nameservers, search, domain } = parseResolver(text)
  const options = linesOf(text).flatMap(([first, ...words]) => (first === 'options' ? words : []))
  return { nameservers, search: search.length > 0 || domain === '' ? search : [domain], options }
}

/** What a process has in its hosts file. */
export function readHosts(pid: number, proc = '/proc'): Dns['hosts'] {
  return parseHosts(readInRoot(`${proc}/${pid}/root`, '/etc/hosts', readCredentials(pid, proc)) ?? '')
}

/** Of `search` and `domain` the last one counts. */
export function parseResolver(text: string): Pick<Dns, 'domain' | 'nameservers' | 'search'> {
  const lines = linesOf(text)
  const last = (keyword: string) => lines.findLast(([first]) => first === keyword)?.slice(1) ?? []
  return {
    domain: last('domain')[0] ?? '',
    search: last('search'),
    nameservers: lines.flatMap(([first, address]) =>
      first === 'nameserver' && canonicalAddress(address ?? '') !== undefined ? (address ?? []) : [],
    ),
  }
}

/** Each name of a line with its address; a line that begins with none says nothing. */
export function parseHosts(text: string): Dns['hosts'] {
  return linesOf(text).flatMap(([first = '', ...names]) => {
    const address = canonicalAddress(first)
    return address === undefined ? [] : names.map(name => ({ name, address }))
  })
}

/** Words of the lines, without comments and empty ones. */
function linesOf(text: string): string[][] {
  return text
    .split('\n')
    .map(line =>
      line
        .replace(/[#;].*$/, '')
        .split(/\s+/)
        .filter(word => word !== ''),
    )
    .filter(words => words.length > 0)
}
