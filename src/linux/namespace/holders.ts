/**
 * What keeps a network namespace alive besides the main threads of processes and mounts: a thread that has another
 * namespace than its process, also behind a main thread that has ended, and an open descriptor (namespaces(7)).
 */
import { readdirSync } from 'node:fs'
import { makePause } from '../../base/pieces.ts'
import { listDescriptors, listProcesses, namespaceInode, readLink } from '../process/proc.ts'

/** A thread or descriptor, by the path in /proc that the namespace can be opened at. */
export interface NamespaceHolder {
  readonly pid: number
  readonly path: string
  /** Inode of the network namespace. */
  readonly inode: number
}

/**
 * Looks through the threads of all processes, and then through their descriptors, as far as this user sees them.
 * @param ignored processes that keep nothing for themselves
 * @returns one holder of each network namespace that is wanted
 */
export async function findHolders(
  isWanted: (inode: number) => boolean,
  signal: AbortSignal | undefined,
  { ignored = new Set(), proc = '/proc' }: { readonly ignored?: ReadonlySet<number>; readonly proc?: string } = {},
): Promise<NamespaceHolder[]> {
  const found = new Map<number, NamespaceHolder>()
  const pids = listProcesses(proc).filter(pid => !ignored.has(pid))
  // A process may have any number of threads and descriptors.
  const pause = makePause()
  for (const pathsOf of [threadsOf, descriptorsOf]) {
    for (const pid of pids) {
      for (const path of pathsOf(pid, proc)) {
        const inode = inodeBehind(path)
        if (inode !== undefined && !found.has(inode) && isWanted(inode)) found.set(inode, { pid, path, inode })
        const paused = pause()
        if (paused === undefined) continue
        await paused
        signal?.throwIfAborted()
      }
    }
  }
  return [...found.values()]
}

/** Tells whether a namespace is still where it was found. */
export function isStillHeld({ path, inode }: NamespaceHolder): boolean {
  return inodeBehind(path) === inode
}

function inodeBehind(path: string): number | undefined {
  return namespaceInode(readLink(path) ?? '', 'net')
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
