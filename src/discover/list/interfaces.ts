/** A look into every network namespace: which interfaces it has, and which addresses. */

import { RemoraError, reasonOf } from '../../base/errors.ts'
import { mapLimit } from '../../base/map-limit.ts'
import { batchesOf } from '../../linux/namespace/each.ts'
import { hasGone, type NetworkNamespace, openNamespaceFile, openProcessNamespace } from '../../linux/namespace/netns.ts'
import { listInterfacesOfMany } from '../../linux/network/iproute.ts'
import { scopes } from '../../model/address.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import type { Target } from '../../model/target.ts'
import { parseReference } from '../../reference/reference.ts'
import { type Discovery, namedPath } from './targets.ts'

/** Batches that are read at once: each keeps one core busy. */
const concurrency = 2

/** Fills in interfaces and addresses. */
export async function addInterfaces(
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<Pick<Discovery, 'targets' | 'warnings'>> {
  const { found, warnings } = await readInterfaces(targets, signal)
  const detailed = targets.map(target => {
    const interfaces = found.get(target.netns)
    return interfaces === undefined ? target : withInterfaces(target, interfaces)
  })
  return { targets: detailed, warnings }
}

/**
 * Reads the interfaces of the namespaces of targets; one that several share is read once.
 * @returns interfaces by the inode of their namespace, and a sentence for each kind of failure
 * @throws the reason of the signal when that aborts
 */
export async function readInterfaces(
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<{ found: Map<number, readonly NetworkInterface[]>; warnings: string[] }> {
  const warnings = new Set<string>()
  const found = new Map<number, readonly NetworkInterface[]>()
  await mapLimit(batchesOf(oneOfEach(targets), concurrency), concurrency, async batch => {
    for (const [netns, answer] of await readBatch(batch, signal)) {
      if (!(answer instanceof Error)) found.set(netns, answer)
      else if (!hasGone(answer)) warnings.add(`interfaces not read: ${reasonOf(answer)}`)
    }
  })
  signal.throwIfAborted()
  return { found, warnings: [...warnings] }
}

/** The first target of each network namespace that is known. */
export function oneOfEach(targets: readonly Target[]): Target[] {
  return [...Map.groupBy(targets, ({ netns }) => netns)].flatMap(([netns, [target]]) =>
    netns === 0 || target === undefined ? [] : [target],
  )
}

/** Interfaces of the namespaces of targets, or why they could not be read. */
async function readBatch(
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<(readonly [netns: number, NetworkInterface[] | Error])[]> {
  const opened = targets.map(target => ({ target, namespace: tryOpen(target) }))
  const namespaces = opened.flatMap(({ namespace }) => (namespace instanceof Error ? [] : [namespace]))
  try {
    const answers = await listInterfacesOfMany(namespaces, signal)
    return opened.map(({ target, namespace }) => [
      target.netns,
      namespace instanceof Error ? namespace : (answers[namespaces.indexOf(namespace)] ?? []),
    ])
  } finally {
    for (const namespace of namespaces) namespace.close()
  }
}

function tryOpen(target: Target): NetworkNamespace | Error {
  try {
    return openTarget(target)
  } catch (error) {
    return error as Error
  }
}

/**
 * Opens the namespace of a target that was just listed.
 * @throws RemoraError TARGET_NOT_FOUND, TARGET_STALE or FORBIDDEN
 */
export function openTarget({ pid, startTime, netns, reference, path }: Target): NetworkNamespace {
  if (pid > 0) return openProcessNamespace(pid, { startTime, inode: netns })
  if (path !== undefined) return openNamespaceFile(path, netns)
  const mount = parseReference(reference)
  if (mount.scheme === 'named') return openNamespaceFile(namedPath(mount.name), netns)
  if (mount.scheme === 'file') return openNamespaceFile(mount.path, netns)
  throw new RemoraError('TARGET_NOT_FOUND', `${reference} has no process that could be looked at`, {
    hint: 'It may have ended: remora list shows what is there now.',
  })
}

function withInterfaces(target: Target, interfaces: readonly NetworkInterface[]): Target {
  return {
    ...target,
    interfaces: interfaces.filter(({ operstate }) => operstate !== 'DOWN').map(({ name }) => name),
    addresses: interfaces.flatMap(({ addresses }) =>
      addresses.filter(({ scope }) => scope === scopes.global).map(({ address }) => address),
    ),
  }
}
