/**
 * Files of /proc/PID/net of many namespaces (proc_pid_net(5)): through a process in each, else from within, with one child for
 * many.
 */
import { existsSync } from 'node:fs'
import { runInEach } from '../namespace/each.ts'
import type { NetworkNamespace } from '../namespace/netns.ts'
import { runInNamespace } from '../namespace/nsenter.ts'
import { readNamespaceInode, readText } from '../process/proc.ts'
import { lookUpTool } from '../programs/tools.ts'

/** Texts by the names of their files; those that do not exist are missing. */
export type NetFiles = ReadonlyMap<string, string>

/** Bytes of a file that count, where it is read from within. */
const longest = 65_536
const folder = '/proc/self/net'

/**
 * Reads files of namespaces.
 * @returns in the order given; nothing of a namespace that cannot be looked into
 */
export async function readNetFiles(
  namespaces: readonly NetworkNamespace[],
  files: readonly string[],
  signal?: AbortSignal,
): Promise<NetFiles[]> {
  const hidden = namespaces.filter(({ own, process }) => !own && process === undefined)
  const inside = await readInside(hidden, files, signal)
  return namespaces.map(namespace => {
    const { own, process, inode } = namespace
    const at = hidden.indexOf(namespace)
    if (at !== -1) return inside[at] ?? new Map()
    const pid = own ? 'self' : (process?.pid ?? 'self')
    const found = files.flatMap(file => {
      const text = readText(`/proc/${pid}/net/${file}`)
      return text === undefined ? [] : [[file, text] as const]
    })
    // A process may have changed its namespace meanwhile.
    return readNamespaceInode(pid, 'net') === inode ? new Map(found) : new Map()
  })
}

/** head(1) writes the name of each file before its text. */
async function readInside(
  namespaces: readonly NetworkNamespace[],
  files: readonly string[],
  signal?: AbortSignal,
): Promise<NetFiles[]> {
  const head = lookUpTool('head')
  // The kernel has a file in every namespace, or in none.
  const present = files.filter(file => existsSync(`${folder}/${file}`))
  if (head === undefined || present.length === 0) return []
  const command = [head, '-v', '-c', String(longest), ...present.map(file => `${folder}/${file}`)]
  const together = namespaces.length > 1 ? parseHead((await runInEach(namespaces, command, { signal })) ?? '') : []
  if (together.length === namespaces.length) return together
  const alone = async (namespace: NetworkNamespace): Promise<NetFiles> => {
    try {
      return parseHead((await runInNamespace(namespace, command, { signal })).stdout)[0] ?? new Map()
    } catch {
      signal?.throwIfAborted()
      return new Map()
    }
  }
  return Promise.all(namespaces.map(alone))
}

/** Reads what head(1) wrote for several namespaces, each with the same files in the same order. */
function parseHead(output: string): NetFiles[] {
  const found: Map<string, string>[] = []
  for (const part of output.split(/^(?===> )/m)) {
    const [, file, text = ''] = /^==> \/proc\/self\/net\/(\w+) <==\n([\s\S]*)$/.exec(part) ?? []
    if (file === undefined) continue
    const last = found.at(-1)
    if (last === undefined || last.has(file)) found.push(new Map([[file, text]]))
    else last.set(file, text)
  }
  return found
}
