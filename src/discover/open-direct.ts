/** Targets that are known by a process, a name or a mount: /proc alone tells of them. */
import { basename } from 'node:path'
import { RemoraError } from '../base/errors.ts'
import { findHolder } from '../linux/namespace/holders.ts'
import { listForeignMounts, listNamespaceMounts } from '../linux/namespace/mountinfo.ts'
import { type NetworkNamespace, openNamespaceFile, openProcessNamespace } from '../linux/namespace/netns.ts'
import { readCommand } from '../linux/process/proc.ts'
import { readProcessTable, scanProcesses } from '../linux/process/table.ts'
import { type ContainerReference, didYouMean, nearestNames, type SeveralMatches } from '../target/match.ts'
import { formatReference, type Reference } from '../target/reference.ts'
import { ambiguous, type FoundTarget, listHint } from './found.ts'
import { findHost, openHost } from './host.ts'
import { findCommand, isAtHome, listTenants } from './processes.ts'
import { namedPath } from './targets.ts'

/**
 * Opens the targets of a reference that needs no engine: one, unless several processes are called so and that is wanted.
 * @throws RemoraError TARGET_NOT_FOUND, TARGET_AMBIGUOUS, TARGET_STALE, FORBIDDEN, or USAGE for a file that is no namespace
 */
export async function openDirect(
  reference: Exclude<Reference, ContainerReference>,
  match: SeveralMatches = 'error',
  signal?: AbortSignal,
): Promise<FoundTarget[]> {
  return reference.scheme === 'process' ? openCommand(reference.command, match) : [await openOne(reference, signal)]
}

async function openOne(
  reference: Exclude<Reference, ContainerReference | { scheme: 'process' }>,
  signal: AbortSignal | undefined,
): Promise<FoundTarget> {
  switch (reference.scheme) {
    case 'host':
      return { reference: 'host', name: 'host', type: 'host', namespace: openHost() }
    case 'pid': {
      const namespace = openProcessNamespace(reference.pid, { startTime: reference.startTime })
      return processTarget(namespace, readCommand(reference.pid))
    }
    case 'named':
      return openNamed(reference)
    case 'file':
      return mountTarget(reference, reference.path)
    case 'netns':
      return openInode(reference.inode, signal)
  }
}

function openNamed(reference: Extract<Reference, { scheme: 'named' }>): FoundTarget {
  try {
    return mountTarget(reference, namedPath(reference.name))
  } catch (error) {
    if (!(error instanceof RemoraError) || error.code !== 'TARGET_NOT_FOUND') throw error
    const names = listNamespaceMounts().map(({ path }) => basename(path))
    throw new RemoraError(error.code, error.message, {
      cause: error,
      hint: didYouMean(nearestNames(reference.name, names), listHint),
    })
  }
}

function mountTarget(reference: Reference, path: string, inode?: number): FoundTarget {
  const namespace = openNamespaceFile(path, inode)
  return { reference: formatReference(reference), name: path, type: 'bindmount', namespace }
}

function processTarget(namespace: NetworkNamespace, command = 'process'): FoundTarget {
  const { pid = 0, startTime = 0 } = namespace.process ?? {}
  const reference = formatReference({ scheme: 'pid', pid, startTime })
  return { reference, name: `${command}(${pid})`, type: 'proc', namespace }
}

/**
 * By a process that lives in it; where there is none, or it ended as it was looked at, by a mount, also one that only other
 * processes see; else by a thread or a descriptor that keeps it.
 */
async function openInode(inode: number, signal: AbortSignal | undefined): Promise<FoundTarget> {
  const [tenant] = listTenants(readProcessTable().filter(process => process.netns === inode && isAtHome(process)))
  const mount = listNamespaceMounts().find(candidate => candidate.inode === inode)
  try {
    if (tenant !== undefined) {
      return processTarget(openProcessNamespace(tenant.pid, { startTime: tenant.startTime, inode }), tenant.command)
    }
  } catch (error) {
    if (mount === undefined) throw error
  }
  const reference = { scheme: 'netns', inode } as const
  if (mount !== undefined) return mountTarget(reference, mount.path, inode)
  const foreign = (await listForeignMounts(await scanProcesses(signal), signal)).find(seen => seen.inode === inode)
  if (foreign !== undefined) return mountTarget(reference, foreign.path, inode)
  const holder = await findHolder(inode, signal)
  if (holder !== undefined) {
    const name = `${readCommand(holder.pid) ?? 'process'}(${holder.pid})`
    return {
      reference: formatReference(reference),
      name,
      type: 'proc',
      namespace: openNamespaceFile(holder.path, inode),
    }
  }
  throw new RemoraError(
    'TARGET_NOT_FOUND',
    `no process, thread or descriptor that this user sees keeps network namespace ${inode}, and no mount`,
    { hint: 'remora list shows the network namespaces there are.' },
  )
}

function openCommand(command: string, match: SeveralMatches): FoundTarget[] {
  const tenants = findCommand(command, findHost()?.netns).toSorted((a, b) => b.startTime - a.startTime)
  if (tenants.length === 0) {
    throw new RemoraError('TARGET_NOT_FOUND', `no process named "${command}" has a network namespace of its own`, {
      hint: 'A process that shares the network of the host is captured with host.',
    })
  }
  if (tenants.length > 1 && match === 'error') {
    throw ambiguous(
      `process:${command}`,
      tenants.map(other => `pid:${other.pid}@${other.startTime}`),
    )
  }
  const opened: FoundTarget[] = []
  try {
    for (const { pid, startTime, netns } of match === 'newest' ? tenants.slice(0, 1) : tenants)
      opened.push(processTarget(openProcessNamespace(pid, { startTime, inode: netns }), command))
    return opened
  } catch (error) {
    for (const { namespace } of opened) namespace.close()
    throw error
  }
}
