/**
 * From a target reference to an open, checked network namespace. What is returned is a descriptor, so it cannot become
 * another target; whoever gets it closes it.
 */
import { setImmediate } from 'node:timers/promises'
import { exhausted, RemoraError } from '../../base/errors.ts'
import { watchExhaustion } from '../../base/exhaustion.ts'
import { readCgroupContainer } from '../../engine/cgroup.ts'
import type { Engine, EngineAnswer } from '../../engine/engine.ts'
import { type FoundEngines, lookForEngines } from '../../engine/engines.ts'
import type { NetworkNamespace } from '../../linux/namespace/netns.ts'
import { makePidTranslator } from '../../linux/process/pid-namespace.ts'
import { readNamespaceInode, requireProc } from '../../linux/process/proc.ts'
import {
  type ContainerReference,
  isContainerReference,
  parseReference,
  type Reference,
  type SeveralMatches,
  shownReference,
} from '../../reference/reference.ts'
import { containerScheme } from '../../reference/schemes.ts'
import { findHost } from '../host/host.ts'
import { askHost, engineTimeout } from '../list/ask.ts'
import { hostPid, mayTellOf, type OnOpen } from '../list/container-namespace.ts'
import { withOwnAddresses } from '../list/told-addresses.ts'
import { type KnownConfigurations, type WantedConfiguration, withConfiguration } from './configuration.ts'
import { engineNames, type HostName, hostNames, targetNames, withoutContested } from './names.ts'
import { ambiguous, type FoundTarget } from './open/found.ts'
import { openDirect } from './open/openers.ts'
import { openContainers } from './open-containers.ts'

export type { KnownConfigurations } from './configuration.ts'
export type { HostName } from './names.ts'

/** A target with an open network namespace, and the names that are known around it. */
export interface ResolvedTarget extends Omit<FoundTarget, 'owner'> {
  /**
   * Names of addresses that may occur, the best of each first; none where none were asked for. The gateways of a namespace
   * without a process are not among them: they cost a process (linux/network/network).
   */
  readonly names: readonly HostName[]
  /** The references that mean it, as they were given. */
  readonly from: readonly string[]
}

/** What a resolution takes. */
export interface ResolveOptions {
  readonly signal: AbortSignal
  readonly env?: NodeJS.ProcessEnv
  /** What becomes of a reference that means several; `error` unless said otherwise. */
  readonly match?: SeveralMatches | undefined
  /** What earlier resolutions of the same references found of environments. */
  readonly configurations?: KnownConfigurations | undefined
  /** Gather names of addresses; true unless said otherwise. */
  readonly names?: boolean
}

/** Milliseconds an engine has when only names depend on it. */
const namesTimeout = 300

/**
 * Finds the one target a reference means and opens its network namespace.
 * @throws RemoraError USAGE, TARGET_NOT_FOUND, TARGET_AMBIGUOUS, TARGET_STALE, FORBIDDEN or PEER_FAILED
 */
export async function resolveTarget(text: string, options: ResolveOptions): Promise<ResolvedTarget> {
  const found = await resolveTargets([text], options)
  const [target] = found
  if (target !== undefined && found.length === 1) return target
  for (const { namespace } of found) namespace.close()
  throw ambiguous(
    shownReference(text),
    found.map(({ reference }) => reference),
  )
}

/** What a resolution of many references takes. */
export interface ResolveManyOptions extends ResolveOptions {
  /** Told of a reference that means nothing, or cannot be opened; without it that is a failure of all. */
  readonly onMissing?: (reference: string, error: RemoraError) => void
  /**
   * Told of each namespace as soon as it is open, so that looking into it need not wait for what is still asked. It may be closed
   * again; what is returned in the end is among those told of.
   */
  readonly onOpen?: OnOpen
}

/**
 * Finds the targets that references mean, and opens their network namespaces: each once, however often it is meant. Labels,
 * annotations, environment variables and Compose projects may mean several targets, everything else means one.
 * @throws RemoraError as {@link resolveTarget} does
 */
export async function resolveTargets(texts: readonly string[], options: ResolveManyOptions): Promise<ResolvedTarget[]> {
  const { signal, env, match, names = true, onMissing, onOpen, configurations } = options
  const ranOut = watchExhaustion()
  requireProc()
  const references = texts.map(text => ({ text, reference: parseReference(text) }))
  const ofContainers = references.map(({ reference }) => reference).filter(isContainerReference)
  const ask = async () => {
    const { engines, monitors } = enginesFor(references, env)
    const told = await askHost(timeoutFor(ofContainers), signal, env, { found: engines, addresses: names })
    return { told, monitors }
  }
  const found: FoundByNamespace = new Map()
  const refuse = (text: string, error: unknown): [] => {
    if (ranOut()) throw exhausted()
    if (onMissing === undefined || !(error instanceof RemoraError)) throw error
    onMissing(text, error)
    return []
  }
  // What is waited for may be about to be mounted: that is opened last.
  const direct: DirectTargets = onOpen ? await openEveryDirect(references, match, signal, onOpen) : new Map()
  try {
    const { told, monitors } = ofContainers.length > 0 || names ? await ask() : { told: [], monitors: [] }
    const answers = await withConfiguration(told, wantedBy(references), signal, configurations)
    const around = gatherAround(answers, signal)
    const onOpenContainer = (namespace: NetworkNamespace) => {
      onOpen?.(namespace)
      if (names) around.begin(namespace)
    }
    const open = async (reference: Reference, at: number) =>
      isContainerReference(reference)
        ? openContainers(reference, { answers, monitors }, signal, match, onOpenContainer)
        : (takeDirect(direct, at) ?? openDirect(reference, { match, signal }))
    for (const [at, { text, reference }] of references.entries()) {
      addFound(found, await open(reference, at).catch(error => refuse(text, error)), text)
    }
    const namesOf = names ? await around.names() : () => []
    return [...found.values()].map(({ owner, ...target }) => ({ ...target, names: namesOf(target, owner) }))
  } catch (error) {
    for (const { namespace } of [...found.values(), ...untaken(direct)]) namespace.close()
    throw error
  }
}

/** Targets by the inode of their namespace, with the references that mean them. */
type FoundByNamespace = Map<number, FoundTarget & { readonly from: string[] }>

/** Keeps each namespace once; the further descriptor of one is closed. */
function addFound(found: FoundByNamespace, targets: readonly FoundTarget[], text: string): void {
  for (const target of targets) {
    const known = found.get(target.namespace.inode)
    if (known === undefined) found.set(target.namespace.inode, { ...target, from: [text] })
    else {
      known.from.push(text)
      target.namespace.close()
    }
  }
}

/** What references ask of the configuration of containers. */
function wantedBy(references: readonly { readonly reference: Reference }[]): WantedConfiguration {
  const pairs = (what: keyof WantedConfiguration) =>
    references.flatMap(({ reference }) => {
      if (!isContainerReference(reference)) return []
      const { compares, format } = containerScheme(reference)
      return compares === what ? format(reference) : []
    })
  return { environment: new Set(pairs('environment')), annotations: new Set(pairs('annotations')) }
}

/** What was opened without an engine, or why it was not, by the place of its reference; what is taken is its taker's to close. */
type DirectTargets = Map<number, readonly FoundTarget[] | Error>

/** Opens what needs no engine before any is asked. */
async function openEveryDirect(
  references: readonly { readonly reference: Reference }[],
  match: SeveralMatches | undefined,
  signal: AbortSignal,
  onOpen: OnOpen,
): Promise<DirectTargets> {
  const opened: DirectTargets = new Map()
  for (const [at, { reference }] of references.entries()) {
    if (isContainerReference(reference)) continue
    const targets = await openDirect(reference, { match, signal }).catch((error: Error) => error)
    opened.set(at, targets)
    if (!(targets instanceof Error)) for (const { namespace } of targets) onOpen(namespace)
  }
  return opened
}

function takeDirect(direct: DirectTargets, at: number): readonly FoundTarget[] | undefined {
  const targets = direct.get(at)
  direct.delete(at)
  if (targets instanceof Error) throw targets
  return targets
}

function untaken(direct: DirectTargets): FoundTarget[] {
  return [...direct.values()].flatMap(targets => (targets instanceof Error ? [] : targets))
}

/** Tells the names around a target. */
type NamesAround = (target: Pick<FoundTarget, 'namespace'>, owner: Engine | undefined) => HostName[]

/** Names around targets, the best first; those of its own hosts file and gateways only where nobody else has them. */
function gatherAround(answers: readonly EngineAnswer[], signal: AbortSignal) {
  const own = new WeakMap<NetworkNamespace, HostName[]>()
  let gathering: Promise<NamesAround> | undefined
  const gather = async (): Promise<NamesAround> => {
    const [host, told] = [hostNames(), await withOwnAddresses(answers, signal)]
    return (target, owner) => {
      const known = [...host, ...engineNames(told, owner)]
      return [...known, ...withoutContested(own.get(target.namespace) ?? targetNames(target), known)]
    }
  }
  const begin = async (namespace: NetworkNamespace): Promise<NamesAround> => {
    // The question that the engine was just asked goes out first: it takes its time for the answer.
    await setImmediate()
    own.set(namespace, targetNames({ namespace }))
    return gather()
  }
  return {
    /** Begins while it is still being found out whether a namespace is that of a target. */
    begin(namespace: NetworkNamespace) {
      gathering ??= begin(namespace)
      gathering.catch(() => {})
    },
    names: (): Promise<NamesAround> => gathering ?? gather(),
  }
}

/**
 * The engines to ask. Where every reference names its engine no other is asked, not even for names of addresses: containerd's
 * alone would take longer than all the rest. One in a container has its containers under a name that only others know.
 */
function enginesFor(
  wanted: readonly { readonly reference: Reference }[],
  env: NodeJS.ProcessEnv | undefined,
): Pick<FoundEngines, 'engines' | 'monitors'> {
  const engines = wanted.map(({ reference }): Engine['name'] | undefined =>
    'name' in reference && !reference.name.includes('/') ? containerScheme(reference)?.engine : undefined,
  )
  if (engines.includes(undefined)) return lookForEngines(env)
  const found = lookForEngines(env, undefined, name => engines.includes(name))
  const isEnough = engines.every(engine => found.engines.some(({ name }) => name === engine))
  return isEnough && found.engines.every(isOutside) ? found : lookForEngines(env)
}

/** Whether an engine runs in no container. */
function isOutside({ daemon }: Engine): boolean {
  if (daemon === undefined) return true
  const isHere = readNamespaceInode(daemon, 'pid') === readNamespaceInode('self', 'pid')
  return isHere && readCgroupContainer(daemon) === undefined
}

/** An engine that was not named tells names of addresses only. */
function timeoutFor(references: readonly ContainerReference[]): (engine: Engine) => number {
  const needed = references.map((reference): Engine['name'] | undefined => containerScheme(reference).engine)
  return ({ name }) => (needed.includes(undefined) || needed.includes(name) ? engineTimeout : namesTimeout)
}

/** Inode of the network namespace of a container; undefined when it does not run (any more). */
export async function namespaceOfContainer(
  engine: Engine,
  id: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const process = await engine.process(id, signal)
  if (process === undefined) return undefined
  const pid = await hostPid(engine, process.pid, makePidTranslator(signal))
  return mayTellOf(engine, pid) ? readNamespaceInode(pid, 'net') : undefined
}

/** Whether a target has no network of its own, but that of the host. */
export function sharesHostNetwork({ type, namespace }: Pick<ResolvedTarget, 'type' | 'namespace'>): boolean {
  return type !== 'host' && namespace.inode === findHost()?.netns
}
