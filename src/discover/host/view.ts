/**
 * What can be seen of the host without asking anybody and without starting a process: processes, mounted namespaces, and the
 * sockets of engines. Two views with the same mark have the same targets, as far as the host itself shows them.
 */
import type { Engine } from '../../engine/engine.ts'
import { lookForEngines } from '../../engine/engines.ts'
import { type ContainedProcess, scanContained } from '../../engine/processes.ts'
import { hasTracedChildren } from '../../engine/traces.ts'
import type { NamespaceHolder } from '../../linux/namespace/holders.ts'
import {
  type ForeignMount,
  listForeignMounts,
  listNamespaceMounts,
  type NamespaceMount,
} from '../../linux/namespace/mountinfo.ts'
import { eldestBy } from '../../linux/process/table.ts'
import { findHost } from './host.ts'
import { isAtHome } from './processes.ts'

/** A view of the host. */
export interface HostView {
  readonly table: readonly ContainedProcess[]
  readonly engines: readonly Engine[]
  /** A sentence for what was too much to be looked at. */
  readonly leftOut: readonly string[]
}

/** Namespaces that are mounted, here and in other mount namespaces. */
export interface MountView {
  readonly own: readonly NamespaceMount[]
  readonly foreign: readonly ForeignMount[]
}

/** Looks at the processes, and for the sockets of engines. */
export async function viewHost(signal: AbortSignal, env?: NodeJS.ProcessEnv): Promise<HostView> {
  const table = await scanContained(signal)
  return { table, ...lookForEngines(env, table) }
}

/** Looks at what is mounted: each namespace that others have mounted once, since a hundred services may see a thousand of them. */
export async function viewMounts({ table }: HostView, signal: AbortSignal): Promise<MountView> {
  const own = listNamespaceMounts()
  const known = new Set(own.map(({ inode }) => inode))
  const foreign = (await listForeignMounts(table, signal)).filter(({ inode }) => !known.has(inode) && known.add(inode))
  return { own, foreign }
}

/**
 * What of a view decides which targets there are: who speaks for each namespace and each container, what is mounted or held, and
 * which engines there are. Processes that come and go beside those change nothing.
 */
export function markOf(
  { table, engines, leftOut }: HostView,
  mounts: MountView,
  held: readonly NamespaceHolder[],
): string {
  const commands = new Map(table.map(({ pid, command }) => [pid, command]))
  const watched = table.filter(({ parent }) => hasTracedChildren(commands.get(parent) ?? ''))
  const speakers = [
    eldestBy(table.filter(isAtHome), ({ netns }) => netns),
    eldestBy(table, ({ container }) => container && `${container.engine} ${container.id}`),
  ]
  const told = speakers.map(eldest =>
    [...eldest].map(([key, { pid, startTime, command }]) => [key, pid, startTime, command]),
  )
  const monitored = watched.map(({ pid, startTime, parent }) => [pid, startTime, parent])
  const asked = engines.map(({ name, address, daemon, authority }) => [name, address, daemon, authority])
  return JSON.stringify([findHost(), told, monitored, mounts, held, asked, leftOut])
}
