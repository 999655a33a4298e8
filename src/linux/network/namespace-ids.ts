/**
 * What the numbers (netnsid) mean by which a namespace knows others: lsns(8) tells those of namespaces with processes,
 * `ip netns list-id` those of namespaces with a name. Only asked for where it matters.
 */

import type { NetworkNamespace } from '../namespace/netns.ts'
import { runInNamespace } from '../namespace/nsenter.ts'
import { readInode } from '../process/proc.ts'
import { lookUpTool, type Tool } from '../programs/tools.ts'
import { parseIpJson } from './ip-json.ts'

/** Inodes of other namespaces by their number in this one. */
export async function readNamespaceIds(
  namespace: NetworkNamespace,
  signal?: AbortSignal,
): Promise<Map<number, number>> {
  const ask = async (tool: Tool, ...args: string[]): Promise<string> => {
    const found = lookUpTool(tool)
    if (found === undefined) return ''
    return (await runInNamespace(namespace, [found, ...args], { signal })).stdout
  }
  const [names, processes] = await Promise.all([
    ask('ip', '-json', 'netns', 'list-id'),
    ask('lsns', '-t', 'net', '-n', '-r', '-o', 'NS,NETNSID'),
  ])
  const named = parseNamed(names)
  const byName = named.flatMap(({ nsid, name }) => {
    const inode = readInode(`/run/netns/${name}`)
    return inode === undefined ? [] : [[nsid, inode] as const]
  })
  return new Map([...byName, ...parseLsns(processes)])
}

/** Lines of an inode and a number, or the word `unassigned`. */
function parseLsns(output: string): [nsid: number, inode: number][] {
  return output.split('\n').flatMap(line => {
    const [, inode, nsid] = /^(\d+) (\d+)$/.exec(line.trim()) ?? []
    return inode === undefined ? [] : [[Number(nsid), Number(inode)]]
  })
}

function parseNamed(json: string): { nsid: number; name: string }[] {
  try {
    return parseIpJson<{ nsid?: number; name?: string }>(json).flatMap(({ nsid, name }) =>
      nsid === undefined || name === undefined || name.includes('/') ? [] : { nsid, name },
    )
  } catch {
    return []
  }
}
