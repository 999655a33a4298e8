/** Running containers and pods in the order of a list, without a closer look at any of them. */
import { newestFirst } from '../../engine/engine.ts'
import { makePidTranslator, type PidTranslator } from '../../linux/process/pid-namespace.ts'
import { readNamespaceInode } from '../../linux/process/proc.ts'
import { qualifiedName } from '../../reference/grammar/containers.ts'
import { findHost } from '../host/host.ts'
import { askHost } from './ask.ts'
import { hostPid } from './container-namespace.ts'
import { behindTheirOwners, describeUnit, groupUnits, listContainersOf, referencesIn, type Unit } from './workloads.ts'

/** A container or a pod. */
export interface RunningTarget {
  /** With the path of enclosing containers before it. */
  readonly name: string
  /** `pod`, or the engine of a single container. */
  readonly type: string
  readonly reference: string
}

/**
 * Lists them, newest first, what shares the network of another behind that one.
 * @param timeout milliseconds each engine has; one that is late is left out
 */
export async function listRunningTargets(
  timeout: number,
  signal: AbortSignal,
  env?: NodeJS.ProcessEnv,
): Promise<RunningTarget[]> {
  const containers = listContainersOf(await askHost(timeout, signal, env)).sort(newestFirst)
  const host = findHost()?.netns
  const translate = makePidTranslator(signal)
  const grouped = groupUnits(containers)
  const keys = await Promise.all(grouped.map(unit => networkOf(unit, host, translate)))
  const networks = new Map(grouped.map((unit, index) => [unit, keys[index]]))
  const units = behindTheirOwners(grouped, unit => networks.get(unit))
  const { ofUnit } = referencesIn(units)
  return units.map(unit => {
    const { name, type } = describeUnit(unit)
    return { name: qualifiedName({ prefix: unit.containers[0].prefix, name }), type, reference: ofUnit(unit) }
  })
}

/** What tells a network from others: the container that owns it, or its number where the list tells a process. */
async function networkOf(
  { containers: [first] }: Unit,
  host: number | undefined,
  translate: PidTranslator,
): Promise<string | number | undefined> {
  const { networkOf: owner = first.id, process } = first
  if (process === undefined) return owner
  const netns = readNamespaceInode(await hostPid(first.owner, process.pid, translate), 'net')
  return netns === host ? undefined : netns
}
