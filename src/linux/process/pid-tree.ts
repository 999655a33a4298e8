/**
 * How PID namespaces lie in one another (pid_namespaces(7)). A process has one number in its own and one in each around
 * it, so the namespace around is that of an ancestor with one number less.
 */
import { inPieces } from '../../base/pieces.ts'
import type { PidNamespace } from '../../model/process.ts'
import { readNamespaceInode, readNestedPids } from './proc.ts'
import type { ProcessEntry } from './table.ts'

/** PID namespaces of the processes given. */
export async function readPidNamespaces(
  table: readonly Pick<ProcessEntry, 'pid' | 'parent'>[],
  signal?: AbortSignal,
  proc = '/proc',
): Promise<PidNamespace[]> {
  const placeOf = ({ pid, parent }: Pick<ProcessEntry, 'pid' | 'parent'>) => {
    const inode = readNamespaceInode(pid, 'pid', proc)
    return inode === undefined ? [] : [[pid, { inode, parent, depth: readNestedPids(pid, proc).length }] as const]
  }
  const places = new Map((await inPieces(table, placeOf, signal)).flat())
  const parents = new Map<number, number | undefined>()
  for (const { inode, parent, depth } of places.values()) {
    if (parents.get(inode) !== undefined) continue
    let outer = places.get(parent)
    while (outer !== undefined && outer.depth >= depth) outer = places.get(outer.parent)
    parents.set(inode, outer?.depth === depth - 1 ? outer.inode : undefined)
  }
  // One whose first process lost its ancestors lies in the only one above, where there is just one.
  const roots = [...places.values()].filter(({ depth }) => depth === 1)
  return [...parents].map(([inode, parent]) => {
    const isRoot = roots.some(root => root.inode === inode)
    return { inode, parent: isRoot ? undefined : (parent ?? roots[0]?.inode) }
  })
}
