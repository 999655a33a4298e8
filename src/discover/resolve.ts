/**
 * From a target reference to an open, checked network namespace. What is returned is a descriptor, so it cannot become
 * another target; whoever gets it closes it.
 */
import { basename } from 'node:path'
import { RemoraError } from '../base/errors.ts'
import type { Engine, EngineAnswer } from '../engine/engine.ts'
import { askEngines } from '../engine/engines.ts'
import { tracesEngine } from '../engine/traces.ts'
import { listNamespaceMounts } from '../linux/mountinfo.ts'
import { type NetworkNamespace, openNamespaceFile, openProcessNamespace } from '../linux/netns.ts'
import { readCommand, readNamespaceInode } from '../linux/proc.ts'
import { type ContainerReference, nearestNames, qualifiedName } from '../target/match.ts'
import type { ContainerFacts, TargetType } from '../target/model.ts'
import { engineSchemes, formatReference, parseReference, type Reference } from '../target/reference.ts'
import { askHost } from './ask.ts'
import { hostPid, type OpenedContainer, openContainer } from './containers.ts'
import { findHost, openHost } from './host.ts'
import { engineNames, type HostName, hostNames, targetNames } from './names.ts'
import { findCommand, isAtHome, listTenants } from './processes.ts'
import { namedPath } from './targets.ts'
import { describeUnit, distinctReferences, lifeFacts, matchUnits, type Unit } from './units.ts'

export type { HostName } from './names.ts'

export interface ResolvedTarget {
  /** Canonical form of what was asked for. */
  readonly reference: string
  readonly name: string
  readonly type: TargetType
  readonly container?: ContainerFacts
  readonly namespace: NetworkNamespace
  /** The containers of a pod, its sandbox first where that is known. */
  readonly members?: readonly ContainerFacts[]
  /**
   * Names of addresses that may occur, the best of each first; none where none were asked for. The gateways of a namespace
   * without a process are not among them: they cost a process (linux/network).
   */
  readonly names: readonly HostName[]
}

export interface ResolveOptions {
  readonly signal: AbortSignal
  readonly env?: NodeJS.ProcessEnv
  /** Gather names of addresses; true unless said otherwise. */
  readonly names?: boolean
}

/** Milliseconds an engine has when the target depends on it, and when only names do. */
const engineTimeout = { target: 2_000, names: 300 } as const

/**
 * Finds the one target a reference means and opens its network namespace.
 * @throws RemoraError USAGE, TARGET_NOT_FOUND, TARGET_AMBIGUOUS, TARGET_STALE, FORBIDDEN or PEER_FAILED
 */
export async function resolveTarget(text: string, options: ResolveOptions): Promise<ResolvedTarget> {
  const [target, ...others] = await resolveTargets([text], options)
  for (const { namespace } of [...others, ...(others.length > 0 && target ? [target] : [])]) namespace.close()
  if (target === undefined || others.length > 0) {
    throw ambiguous(
      text,
      [target, ...others].flatMap(found => found?.reference ?? []),
    )
  }
  return target
}

export interface ResolveManyOptions extends ResolveOptions {
  /** Told of a reference that means nothing, or cannot be opened; without it that is a failure of all. */
  readonly onMissing?: (reference: string, error: RemoraError) => void
}

/**
 * Finds the targets that references mean, and opens their network namespaces: each once, however often it is meant. Labels
 * and Compose projects may mean several targets, everything else means one.
 * @throws RemoraError as {@link resolveTarget} does
 */
export async function resolveTargets(texts: readonly string[], options: ResolveManyOptions): Promise<ResolvedTarget[]> {
  const { signal, env, names = true, onMissing } = options
  const references = texts.map(text => ({ text, reference: parseReference(text) }))
  const schemes = references.flatMap(({ reference }) => (isContainerReference(reference) ? [reference.scheme] : []))
  const answers =
    schemes.length > 0 || names ? await askHost(timeoutFor(schemes), signal, env, { addresses: names }) : []
  const found = new Map<number, FoundTarget>()
  try {
    for (const { text, reference } of references) {
      try {
        const targets = isContainerReference(reference)
          ? await openContainers(reference, answers, signal)
          : [openDirect(reference)]
        for (const target of targets) {
          if (found.has(target.namespace.inode)) target.namespace.close()
          else found.set(target.namespace.inode, target)
        }
      } catch (error) {
        if (onMissing === undefined || !(error instanceof RemoraError)) throw error
        onMissing(text, error)
      }
    }
  } catch (error) {
    for (const { namespace } of found.values()) namespace.close()
    throw error
  }
  return [...found.values()].map(({ owner, ...target }) => ({
    ...target,
    names: names ? [...engineNames(answers, owner), ...hostNames(), ...targetNames(target)] : [],
  }))
}

/** A target whose names are still to be gathered, and the engine that told of it. */
type FoundTarget = Omit<ResolvedTarget, 'names'> & { readonly owner?: Engine }

/** An engine that was not named tells names of addresses only. */
function timeoutFor(schemes: readonly string[]): (engine: Engine) => number {
  const needsEvery = schemes.some(scheme => !engineSchemes.some(named => named === scheme))
  return ({ name }) => (needsEvery || schemes.includes(name) ? engineTimeout.target : engineTimeout.names)
}

/** Inode of the network namespace of a container; undefined when it does not run (any more). */
export async function namespaceOfContainer(
  engine: Engine,
  id: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const process = await engine.process(id, signal)
  return process === undefined ? undefined : readNamespaceInode(hostPid(engine, process.pid), 'net')
}

/** Whether a target has no network of its own, but that of the host. */
export function sharesHostNetwork({ type, namespace }: Pick<ResolvedTarget, 'type' | 'namespace'>): boolean {
  return type !== 'host' && namespace.inode === findHost()?.netns
}

function isContainerReference(reference: Reference): reference is ContainerReference {
  return ['container', 'label', 'compose', 'pod', ...engineSchemes].includes(reference.scheme)
}

/** Targets that need no engine. */
function openDirect(reference: Exclude<Reference, ContainerReference>): Omit<ResolvedTarget, 'names'> {
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
      return openInode(reference.inode)
    case 'process':
      return openCommand(reference.command)
  }
}

function openNamed(reference: Extract<Reference, { scheme: 'named' }>): Omit<ResolvedTarget, 'names'> {
  try {
    return mountTarget(reference, namedPath(reference.name))
  } catch (error) {
    if (!(error instanceof RemoraError) || error.code !== 'TARGET_NOT_FOUND') throw error
    const names = listNamespaceMounts().map(({ path }) => basename(path))
    throw new RemoraError(error.code, error.message, {
      cause: error,
      hint: didYouMean(nearestNames(reference.name, names)),
    })
  }
}

function mountTarget(reference: Reference, path: string, inode?: number): Omit<ResolvedTarget, 'names'> {
  const namespace = openNamespaceFile(path, inode)
  return { reference: formatReference(reference), name: path, type: 'bindmount', namespace }
}

function processTarget(namespace: NetworkNamespace, command = 'process'): Omit<ResolvedTarget, 'names'> {
  const { pid = 0, startTime = 0 } = namespace.process ?? {}
  const reference = formatReference({ scheme: 'pid', pid, startTime })
  return { reference, name: `${command}(${pid})`, type: 'proc', namespace }
}

/** By a process that lives in it; where there is none, or it ended as it was looked at, by a mount. */
function openInode(inode: number): Omit<ResolvedTarget, 'names'> {
  const tenant = listTenants().find(candidate => candidate.netns === inode && isAtHome(candidate))
  const mount = listNamespaceMounts().find(candidate => candidate.inode === inode)
  try {
    if (tenant !== undefined) {
      return processTarget(openProcessNamespace(tenant.pid, { startTime: tenant.startTime, inode }), tenant.command)
    }
  } catch (error) {
    if (mount === undefined) throw error
  }
  if (mount !== undefined) return mountTarget({ scheme: 'netns', inode }, mount.path, inode)
  throw new RemoraError('TARGET_NOT_FOUND', `no process lives in network namespace ${inode}, and no mount keeps it`, {
    hint: 'remora list shows the network namespaces there are.',
  })
}

function openCommand(command: string): Omit<ResolvedTarget, 'names'> {
  const [tenant, ...others] = findCommand(command, findHost()?.netns)
  if (tenant === undefined) {
    throw new RemoraError('TARGET_NOT_FOUND', `no process named "${command}" has a network namespace of its own`, {
      hint: 'A process that shares the network of the host is captured with host.',
    })
  }
  const { pid, startTime, netns } = tenant
  if (others.length > 0) {
    throw ambiguous(
      `process:${command}`,
      [tenant, ...others].map(other => `pid:${other.pid}@${other.startTime}`),
    )
  }
  return processTarget(openProcessNamespace(pid, { startTime, inode: netns }), command)
}

/** References that mean every match. */
const setSchemes = new Set(['label', 'compose'])

async function openContainers(
  reference: ContainerReference,
  answers: readonly EngineAnswer[],
  signal: AbortSignal,
): Promise<FoundTarget[]> {
  let units = matchUnits(reference, answers)
  // What no engine knows may still run.
  if (units.length === 0)
    units = matchUnits(reference, await askEngines([tracesEngine()], engineTimeout.target, signal))
  if (units.length === 0) throw notFound(reference, answers)
  if (units.length > 1 && !setSchemes.has(reference.scheme)) {
    throw ambiguous(formatReference(reference), distinctReferences(units))
  }
  const opened: FoundTarget[] = []
  try {
    for (const unit of units) {
      // One of several may end meanwhile.
      const found = await openUnit(unit, signal).catch(error => {
        if (units.length > 1 && error instanceof RemoraError && error.code === 'TARGET_NOT_FOUND') return undefined
        throw error
      })
      if (found === undefined) continue
      const { namespace, process } = found
      opened.push({ ...describeUnit(unit), ...lifeFacts(unit, process), namespace, owner: unit.containers[0].owner })
    }
  } catch (error) {
    for (const { namespace } of opened) namespace.close()
    throw error
  }
  return opened
}

/** Opens the namespace of the first container that still runs. */
async function openUnit({ containers }: Unit, signal: AbortSignal): Promise<OpenedContainer> {
  for (const container of containers.slice(0, -1)) {
    try {
      return await openContainer(container.owner, container, signal)
    } catch (error) {
      if (!(error instanceof RemoraError) || error.code !== 'TARGET_NOT_FOUND') throw error
    }
  }
  const last = containers.at(-1) ?? containers[0]
  return openContainer(last.owner, last, signal)
}

function notFound(reference: ContainerReference, answers: readonly EngineAnswer[]): RemoraError {
  const text = formatReference(reference)
  const failures = answers.flatMap(({ failure }) => failure ?? [])
  if (answers.length === 0) {
    return new RemoraError('TARGET_NOT_FOUND', `${text}: no container engine was found on this host`, {
      hint: 'remora doctor shows which sockets were looked for. Without an engine use pid:, named: or host.',
    })
  }
  if (failures.length === answers.length) {
    const [first] = failures
    const reasons = failures.map(failure => failure.message).join('; ')
    return new RemoraError(
      first instanceof RemoraError ? first.code : 'PEER_FAILED',
      `cannot look for ${text}: ${reasons}`,
      {
        hint: first instanceof RemoraError ? first.hint : undefined,
        cause: first,
      },
    )
  }
  const wanted = 'name' in reference ? nearestTargets(reference, answers) : []
  const reasons = failures.map(failure => ` (${failure.message})`).join('')
  return new RemoraError('TARGET_NOT_FOUND', `no running container matches ${text}${reasons}`, {
    hint: didYouMean(wanted),
  })
}

/** Names near to the one that was not found; what is a pod, or is no pod, is named with its scheme. */
function nearestTargets(
  { scheme, name }: Extract<ContainerReference, { name: string }>,
  answers: readonly EngineAnswer[],
): string[] {
  const containers = answers.flatMap(answer => answer.containers)
  const pods = containers.filter(({ pod }) => pod !== undefined)
  const named = containers.filter(({ pod }) => !pod?.sandbox)
  const byPod = nearestNames(
    name,
    pods.map(({ prefix, pod }) => qualifiedName({ prefix, name: pod?.name ?? '' })),
  )
  const byName = nearestNames(name, named.map(qualifiedName))
  return scheme === 'pod'
    ? [...byPod, ...byName.map(near => `container:${near}`)].slice(0, 3)
    : [...byName, ...byPod.map(near => `pod:${near}`)].slice(0, 3)
}

function didYouMean(names: readonly string[]): string {
  return names.length > 0 ? `Did you mean ${names.join(', ')}?` : 'remora list shows what there is.'
}

function ambiguous(text: string, candidates: readonly string[]): RemoraError {
  return new RemoraError('TARGET_AMBIGUOUS', `${text} matches ${candidates.length} targets: ${candidates.join(', ')}`, {
    hint: 'Choose one of them.',
  })
}
