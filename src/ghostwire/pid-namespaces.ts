/** The `pid-namespaces`: a tree, of which the outermost ones that can be seen are the roots. */
import type { PidNamespace, ProcessFacts } from '../model/process.ts'
import { pidnsId } from './ids.ts'
import type { Tenant } from './tenants.ts'

/** A PID namespace, with those that lie in it and the containers whose first process lives in it. */
export interface PidNamespaceJson {
  readonly id: string
  readonly pidnsid: number
  readonly children: readonly PidNamespaceJson[]
  readonly 'container-idrefs': readonly string[]
}

/** The tree, in the order of inodes at every level. */
export function pidNamespacesJson(
  namespaces: readonly PidNamespace[],
  tenants: readonly Tenant[],
  processes: ReadonlyMap<number, ProcessFacts>,
): PidNamespaceJson[] {
  const known = new Set(namespaces.map(({ inode }) => inode))
  const children = Map.groupBy(namespaces, ({ parent }) =>
    parent !== undefined && known.has(parent) ? parent : undefined,
  )
  const containers = tenants.filter(({ container }) => container !== undefined)
  const inside = Map.groupBy(containers, ({ pid }) => processes.get(pid)?.pidns)
  const below = (parent: number | undefined): PidNamespaceJson[] =>
    [...(children.get(parent) ?? [])]
      .sort((a, b) => a.inode - b.inode)
      .map(({ inode }) => ({
        id: pidnsId(inode),
        pidnsid: inode,
        children: below(inode),
        'container-idrefs': [...new Set((inside.get(inode) ?? []).map(({ id }) => id))],
      }))
  return below(undefined)
}
