/**
 * Everything on this host that has a network stack: containers by their engines, stand-alone processes by /proc, and
 * namespaces that only a mount keeps alive. A source that fails costs its part of the list and one warning.
 */
import { reasonOf } from '../base/errors.ts'
import { type Container, type EngineAnswer, newestFirst } from '../engine/engine.ts'
import { askEngines, findEngines } from '../engine/engines.ts'
import { listInterfaces, type NetworkInterface } from '../linux/iproute.ts'
import { listNamespaceMounts } from '../linux/mountinfo.ts'
import { openNamespaceFile, openProcessNamespace } from '../linux/netns.ts'
import { readNamespaceInode, readStartTime } from '../linux/proc.ts'
import type { Target } from '../target/model.ts'
import { formatReference } from '../target/reference.ts'
import { hostInode } from './host.ts'
import { listTenants, type Tenant } from './processes.ts'
import { containerFacts, unambiguousReference } from './resolve.ts'

export interface Discovery {
  readonly targets: readonly Target[]
  /** One sentence for each source that failed. */
  readonly warnings: readonly string[]
}

export interface DiscoverOptions {
  readonly signal: AbortSignal
  /** Milliseconds each engine has. */
  readonly timeout: number
  /** Look into every namespace for interfaces and addresses. */
  readonly interfaces: boolean
  readonly env?: NodeJS.ProcessEnv
}

/** Interfaces are read by short-lived processes; this many at once keep two cores busy. */
const concurrency = 4

/** Lists all targets: the host first, then containers newest first, then processes, then mounts. */
export async function discover({ signal, timeout, interfaces, env }: DiscoverOptions): Promise<Discovery> {
  const answers = await askEngines(findEngines(env), timeout, signal)
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeout)])
  const host = hostInode()
  const tenants = listTenants()
  const containers = (await Promise.all(answers.map(answer => containerTargets(answer, limit)))).flat()
  const taken = new Set([host, ...containers.map(({ netns }) => netns)])
  // A name that somebody gave outlives the processes that come and go in the namespace.
  const mounted = listNamespaceMounts()
  const named = mounted.filter(({ path, inode }) => nameOf(path) !== undefined && !taken.has(inode))
  for (const { inode } of named) taken.add(inode)
  const processes = tenants.filter(({ inode }) => !taken.has(inode)).map(processTarget)
  for (const { inode } of tenants) taken.add(inode)
  const others = mounted.filter(({ inode }) => !taken.has(inode) && taken.add(inode))
  const mounts = [...named, ...others]
  const found = [...hostTarget(host, tenants), ...containers, ...processes, ...mounts.map(mountTarget)]
  const warnings = answers.flatMap(({ failure }) => (failure ? [reasonOf(failure)] : []))
  if (!interfaces) return { targets: found, warnings }
  const detailed = await addInterfaces(found, signal)
  return { targets: detailed.targets, warnings: [...warnings, ...detailed.warnings] }
}

/**
 * Running containers of all engines, newest first, without a closer look at any of them.
 * @param timeout milliseconds each engine has; one that is late is left out
 */
export async function listContainers(
  timeout: number,
  signal: AbortSignal,
  env?: NodeJS.ProcessEnv,
): Promise<Container[]> {
  const engines = findEngines(env)
  if (engines.length === 0) return []
  const answers = await askEngines(engines, timeout, signal)
  return answers.flatMap(({ containers }) => containers).sort(newestFirst)
}

const nothing = { prefix: '', pid: 0, startTime: 0, interfaces: [], addresses: [] } as const

function hostTarget(inode: number | undefined, tenants: readonly Tenant[]): Target[] {
  if (inode === undefined) return []
  const { pid = 0, startTime = 0 } = tenants.find(tenant => tenant.inode === inode) ?? {}
  return [{ ...nothing, reference: 'host', name: 'host', type: 'host', netns: inode, pid, startTime }]
}

async function containerTargets({ engine, containers }: EngineAnswer, signal: AbortSignal): Promise<Target[]> {
  const targets = await eachOf(containers, 16, async (container): Promise<Target[]> => {
    // An engine that fails here has listed the container all the same: it is shown, without a process.
    const process = await engine.process(container.id, signal).catch(() => ({ pid: 0 }))
    if (process === undefined) return []
    const { pid } = process
    return [
      {
        ...nothing,
        reference: unambiguousReference(container),
        name: container.name,
        type: engine.name,
        prefix: container.prefix,
        netns: readNamespaceInode(pid, 'net') ?? 0,
        pid,
        startTime: readStartTime(pid) ?? 0,
        addresses: container.addresses,
        container: containerFacts(container),
      },
    ]
  })
  return targets.flat()
}

function processTarget({ inode, pid, startTime, command }: Tenant): Target {
  const reference = formatReference({ scheme: 'pid', pid, startTime })
  return { ...nothing, reference, name: `${command}(${pid})`, type: 'proc', netns: inode, pid, startTime }
}

function mountTarget({ path, inode }: { path: string; inode: number }): Target {
  const name = nameOf(path)
  const reference = formatReference(name === undefined ? { scheme: 'file', path } : { scheme: 'named', name })
  return { ...nothing, reference, name: path, type: 'bindmount', netns: inode }
}

/** The name `ip netns` gives a mount, undefined elsewhere. */
function nameOf(path: string): string | undefined {
  return /^(?:\/var)?\/run\/netns\/([^/]+)$/.exec(path)?.[1]
}

async function addInterfaces(targets: readonly Target[], signal: AbortSignal): Promise<Discovery> {
  const warnings = new Set<string>()
  const detailed = await eachOf(targets, concurrency, async target => {
    try {
      return withInterfaces(target, await interfacesOf(target, signal))
    } catch (error) {
      signal.throwIfAborted()
      warnings.add(`interfaces not read: ${reasonOf(error)}`)
      return target
    }
  })
  return { targets: detailed, warnings: [...warnings] }
}

async function interfacesOf({ pid, startTime, name, netns }: Target, signal: AbortSignal): Promise<NetworkInterface[]> {
  if (netns === 0) return []
  const namespace = pid > 0 ? openProcessNamespace(pid, { startTime, inode: netns }) : openNamespaceFile(name, netns)
  try {
    return await listInterfaces(namespace, signal)
  } finally {
    namespace.close()
  }
}

function withInterfaces(target: Target, interfaces: readonly NetworkInterface[]): Target {
  return {
    ...target,
    interfaces: interfaces.filter(({ operstate }) => operstate !== 'DOWN').map(({ name }) => name),
    addresses: interfaces.flatMap(({ addresses }) =>
      addresses.filter(({ scope }) => scope === 'global').map(({ address }) => address),
    ),
  }
}

/** Applies an action to every element, at most so many at once; results keep the order. */
async function eachOf<T, R>(items: readonly T[], atOnce: number, action: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const index = next++
      results[index] = await action(items[index] as T)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  return results
}
