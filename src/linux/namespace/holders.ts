/**
 * What keeps a network namespace alive besides the main threads of processes and mounts: a thread that has another
 * namespace than its process, also behind a main thread that has ended, and an open descriptor (namespaces(7)).
 */
import { readdirSync } from 'node:fs'
import { inPieces } from '../../base/pieces.ts'
import { listDescriptors, listProcesses, namespaceInode, readLink } from '../process/proc.ts'

/** A thread or descriptor, by the path in /proc that the namespace can be opened at. */
export interface NamespaceHolder {
  readonly pid: number
  readonly path: string
}

/**
 * Looks through the threads of all processes for one in a network namespace, and then through their descriptors.
 * @returns undefined when this user sees none
 */
export async function findHolder(
  inode: number,
  signal: AbortSignal | undefined,
  proc = '/proc',
): Promise<NamespaceHolder | undefined> {
  const isIt = ({ path }: NamespaceHolder) => namespaceInode(readLink(path) ?? '', 'net') === inode
  for (const pathsOf of [threadsOf, descriptorsOf]) {
    const look = (pid: number) =>
      pathsOf(pid, proc)
        .map(path => ({ pid, path }))
        .find(isIt)
    const found = (await inPieces(listProcesses(proc), look, signal)).find(holder => holder !== undefined)
    if (found !== undefined) return found
  }
  return undefined
}

function threadsOf(pid: number, proc: string): string[] {
  try {
    return readdirSync(`${proc}/${pid}/task`).map(thread => `${proc}/${pid}/task/${thread}/ns/net`)
  } catch {
    return []
  }
}

function descriptorsOf(pid: number, proc: string): string[] {
  return listDescriptors(pid, proc).map(descriptor => `${proc}/${pid}/fd/${descriptor}`)
}
