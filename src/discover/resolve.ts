/**
 * From a target reference to an open, checked network namespace. What is returned is a descriptor, so it cannot become
 * another target; whoever gets it closes it.
 */
import { basename } from 'node:path'
import { RemoraError } from '../base/errors.ts'
import type { Container, EngineAnswer } from '../engine/engine.ts'
import { askEngines, findEngines } from '../engine/engines.ts'
import { listNamespaceMounts } from '../linux/mountinfo.ts'
import { type NetworkNamespace, openNamespaceFile, openProcessNamespace } from '../linux/netns.ts'
import { readCommand } from '../linux/proc.ts'
import { type ContainerReference, matchContainers, nearestNames, qualifiedName } from '../target/match.ts'
import type { ContainerEngine, ContainerFacts, TargetType } from '../target/model.ts'
import {
  type EngineScheme,
  engineSchemes,
  formatReference,
  parseReference,
  type Reference,
} from '../target/reference.ts'
import { openContainer } from './containers.ts'
import { hostInode, openHost } from './host.ts'
import { findCommand, listTenants } from './processes.ts'

export interface ResolvedTarget {
  /** Canonical form of what was asked for. */
  readonly reference: string
  readonly name: string
  readonly type: TargetType
  readonly container?: ContainerFacts
  readonly namespace: NetworkNamespace
  /** Addresses of this host's containers and the names they go by. */
  readonly names: readonly HostName[]
}

export interface HostName {
  readonly address: string
  readonly name: string
}

export interface ResolveOptions {
  readonly signal: AbortSignal
  readonly env?: NodeJS.ProcessEnv
  /** Gather names of containers also where the target is none of them; true unless said otherwise. */
  readonly names?: boolean
}

/** Milliseconds an engine has when the target depends on it, and when only names do. */
const engineTimeout = { target: 5_000, names: 300 } as const

/**
 * Finds the one target a reference means and opens its network namespace.
 * @throws RemoraError USAGE, TARGET_NOT_FOUND, TARGET_AMBIGUOUS, TARGET_STALE, FORBIDDEN or PEER_FAILED
 */
export async function resolveTarget(text: string, options: ResolveOptions): Promise<ResolvedTarget> {
  const reference = parseReference(text)
  const engines = findEngines(options.env)
  if (isContainerReference(reference)) {
    return resolveContainer(reference, await askEngines(engines, engineTimeout.target, options.signal), options.signal)
  }
  const found = openDirect(reference)
  if (options.names === false) return { ...found, names: [] }
  const answers = await askEngines(engines, engineTimeout.names, options.signal).catch(error => {
    found.namespace.close()
    throw error
  })
  return { ...found, names: hostNames(answers) }
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
    return mountTarget(reference, `/run/netns/${reference.name}`)
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

function openInode(inode: number): Omit<ResolvedTarget, 'names'> {
  const tenant = listTenants().find(candidate => candidate.inode === inode)
  if (tenant !== undefined) {
    return processTarget(openProcessNamespace(tenant.pid, { startTime: tenant.startTime, inode }), tenant.command)
  }
  const mount = listNamespaceMounts().find(candidate => candidate.inode === inode)
  if (mount !== undefined) return mountTarget({ scheme: 'netns', inode }, mount.path, inode)
  throw new RemoraError('TARGET_NOT_FOUND', `no process lives in network namespace ${inode}, and no mount keeps it`, {
    hint: 'remora list shows the network namespaces there are.',
  })
}

function openCommand(command: string): Omit<ResolvedTarget, 'names'> {
  const [tenant, ...others] = findCommand(command, hostInode())
  if (tenant === undefined) {
    throw new RemoraError('TARGET_NOT_FOUND', `no process named "${command}" has a network namespace of its own`, {
      hint: 'A process that shares the network of the host is captured with host.',
    })
  }
  const { pid, startTime, inode } = tenant
  if (others.length > 0) {
    throw ambiguous(
      `process:${command}`,
      [tenant, ...others].map(other => `pid:${other.pid}@${other.startTime}`),
    )
  }
  return processTarget(openProcessNamespace(pid, { startTime, inode }), command)
}

async function resolveContainer(
  reference: ContainerReference,
  answers: readonly EngineAnswer[],
  signal: AbortSignal,
): Promise<ResolvedTarget> {
  const listed = answers.flatMap(({ engine, containers }) =>
    containers.map(container => ({ ...container, owner: engine })),
  )
  const matches = matchContainers(reference, listed)
  const [match, ...others] = matches
  if (match === undefined) throw notFound(reference, answers)
  if (others.length > 0) throw ambiguous(formatReference(reference), distinctReferences(matches))
  const { owner, ...container } = match
  const namespace = await openContainer(owner, container, signal)
  return {
    reference: unambiguousReference(container),
    name: container.name,
    type: owner.name,
    container: containerFacts(container),
    namespace,
    names: hostNames(answers),
  }
}

/** What is kept of a container beyond its finding. */
export function containerFacts({ engine, id, image, state, labels, socket }: Container): ContainerFacts {
  return { engine, id, image, state, labels, socket }
}

/** The reference that finds a container again after a restart: by engine and name. */
export function unambiguousReference(container: Pick<Container, 'engine' | 'prefix' | 'name'>): string {
  return formatReference({ scheme: schemeOf(container.engine), name: qualifiedName(container) })
}

/** Engines that are not asked have no scheme of their own. */
function schemeOf(engine: ContainerEngine): EngineScheme | 'container' {
  return engineSchemes.find(scheme => scheme === engine) ?? 'container'
}

/** References that tell containers apart: by name, or by id where a name stands for several. */
function distinctReferences(containers: readonly Container[]): string[] {
  const byName = containers.map(unambiguousReference)
  return containers.map(({ engine, id }, index) => {
    const reference = byName[index] ?? ''
    const unique = byName.filter(other => other === reference).length === 1
    return unique ? reference : formatReference({ scheme: schemeOf(engine), name: id.slice(0, 12) })
  })
}

/** Names of the containers of all engines that answered. */
function hostNames(answers: readonly EngineAnswer[]): HostName[] {
  return answers.flatMap(({ containers }) =>
    containers.flatMap(container => container.addresses.map(address => ({ address, name: qualifiedName(container) }))),
  )
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
  const names = answers.flatMap(({ containers }) => containers.map(qualifiedName))
  const wanted = 'name' in reference ? nearestNames(reference.name, names) : []
  const reasons = failures.map(failure => ` (${failure.message})`).join('')
  return new RemoraError('TARGET_NOT_FOUND', `no running container matches ${text}${reasons}`, {
    hint: didYouMean(wanted),
  })
}

function didYouMean(names: readonly string[]): string {
  return names.length > 0 ? `Did you mean ${names.join(', ')}?` : 'remora list shows what there is.'
}

function ambiguous(text: string, candidates: readonly string[]): RemoraError {
  return new RemoraError('TARGET_AMBIGUOUS', `${text} matches ${candidates.length} targets: ${candidates.join(', ')}`, {
    hint: 'Choose one of them.',
  })
}
