/**
 * The ports a namespace forwards, from whatever tools of the packet filter there are; a missing one costs its part. One
 * run of nft(8) tells whether there is anything that only iptables can explain; for the older tables the kernel tells it
 * (/proc/PID/net/ip_tables_names).
 */
import type { Family, Forward } from '../../ghostwire/snapshot.ts'
import type { NetworkNamespace } from '../namespace/netns.ts'
import { runInNamespace } from '../namespace/nsenter.ts'
import { optionValue, readArguments, readText } from '../process/proc.ts'
import type { ProcessEntry } from '../process/table.ts'
import { lookUpTool, type Tool } from '../programs/tools.ts'
import { parseIptables } from './iptables-rules.ts'
import { forwardsOf } from './nat-rules.ts'
import { parseNft } from './nft-rules.ts'

const savers: Readonly<Record<Family, { readonly present: readonly Tool[]; readonly legacy: readonly Tool[] }>> = {
  ipv4: { present: ['iptables-nft-save', 'iptables-save'], legacy: ['iptables-legacy-save', 'iptables-save'] },
  ipv6: { present: ['ip6tables-nft-save', 'ip6tables-save'], legacy: ['ip6tables-legacy-save', 'ip6tables-save'] },
}

const families = ['ipv4', 'ipv6'] as const

/** Forwards by rules of the kernel. */
export async function readForwards(namespace: NetworkNamespace, signal?: AbortSignal): Promise<Forward[]> {
  const ask = async (tools: readonly Tool[], ...args: string[]): Promise<string | undefined> => {
    const found = tools.map(tool => lookUpTool(tool)).find(path => path !== undefined)
    if (found === undefined) return undefined
    return (await runInNamespace(namespace, [found, ...args], { signal })).stdout
  }
  const listing = await ask(['nft'], '-j', 'list', 'ruleset')
  const native = parseNft(listing ?? '')
  const forwards = forwardsOf(native)
  const older = await legacyFamilies(namespace, signal)
  for (const family of families) {
    const { present, legacy } = savers[family]
    const wanted = [
      ...(listing === undefined || native.iptables.includes(family) ? [present] : []),
      ...(older.includes(family) ? [legacy] : []),
    ]
    for (const tools of wanted)
      forwards.push(...forwardsOf(parseIptables((await ask(tools, '-t', 'nat')) ?? '', family)))
  }
  return forwards
}

/** Forwards by docker-proxy, which passes on what the kernel does not, in the namespaces of its processes. */
export function readProxies(table: readonly ProcessEntry[]): Map<number, Forward[]> {
  const found = new Map<number, Forward[]>()
  for (const { pid, command, netns } of table) {
    const forward = command === 'docker-proxy' ? parseProxy(readArguments(pid)) : undefined
    if (netns !== undefined && forward !== undefined) found.set(netns, [...(found.get(netns) ?? []), forward])
  }
  return found
}

/** Reads the arguments of a docker-proxy. */
export function parseProxy(args: readonly string[]): Forward | undefined {
  const value = (name: string) => optionValue(args, [name]) ?? ''
  const [address, toAddress, protocol] = [value('-host-ip'), value('-container-ip'), value('-proto')]
  const [port, toPort] = [Number(value('-host-port')), Number(value('-container-port'))]
  if (toAddress === '' || protocol === '' || !(port > 0) || !(toPort > 0)) return undefined
  const family = address.includes(':') ? 'ipv6' : 'ipv4'
  const isAny = address === '0.0.0.0' || address === '::'
  return { family, protocol, address: isAny ? '' : address, port, toAddress, toPort }
}

/**
 * Families with rules in the older tables. Those come into being when they are first looked at, so iptables-legacy-save
 * is asked only where the kernel has them already; without a process in the namespace it is asked from within.
 */
async function legacyFamilies(namespace: NetworkNamespace, signal?: AbortSignal): Promise<Family[]> {
  const { process, own } = namespace
  const pid = own ? 'self' : process?.pid
  const names = async (file: string): Promise<string> => {
    if (pid !== undefined) return readText(`/proc/${pid}/net/${file}`) ?? ''
    const cat = lookUpTool('cat')
    if (cat === undefined) return ''
    return (await runInNamespace(namespace, [cat, `/proc/self/net/${file}`], { signal })).stdout
  }
  const present = await Promise.all(
    families.map(async family =>
      /^nat$/m.test(await names(family === 'ipv4' ? 'ip_tables_names' : 'ip6_tables_names')),
    ),
  )
  return families.filter((_, index) => present[index])
}
