/** From what the sources say to targets: each network stack under the name its owner would call it by. */
import { mapLimit } from '../../base/map-limit.ts'
import { makePause } from '../../base/pieces.ts'
import {
  type ContainerProcess,
  type Engine,
  type EngineAnswer,
  type EngineEvent,
  isRandomId,
  newestFirst,
} from '../../engine/engine.ts'
import { kindOf } from '../../engine/members.ts'
import { type ContainedProcess, readOneContained } from '../../engine/processes.ts'
import type { NamespaceHolder } from '../../linux/namespace/holders.ts'
import type { ForeignMount, NamespaceMount } from '../../linux/namespace/mountinfo.ts'
import { makePidTranslator } from '../../linux/process/pid-namespace.ts'
import { readUptime } from '../../linux/process/proc.ts'
import { eldestBy } from '../../linux/process/table.ts'
import { type ContainerEngine, containerEngines, type PodMember, type Target } from '../../model/target.ts'
import { formatReference } from '../../reference/reference.ts'
import { holderName } from '../host/held.ts'
import { isAtHome, type Tenant } from '../host/processes.ts'
import { hostPid, mayTellOf } from './container-namespace.ts'
import {
  behindTheirOwners,
  containerFacts,
  describeUnit,
  groupUnits,
  type Listed,
  listContainersOf,
  referencesIn,
  type Unit,
  unambiguousReference,
} from './workloads.ts'

/** What one look at the host found. */
export interface Discovery {
  readonly targets: readonly Target[]
  /** One sentence for each source that failed. */
  readonly warnings: readonly string[]
  /** Sockets of the engines that answered. */
  readonly answered: readonly string[]
  /** The engines that answered, and have a socket. */
  readonly engines: readonly Engine[]
}

const nothing = { prefix: '', netns: 0, pid: 0, startTime: 0, interfaces: [], addresses: [] } as const

/** The host's own network stack. */
export function hostTarget(host: { netns: number; pid: number; startTime: number }): Target {
  return { ...nothing, ...host, reference: 'host', name: 'host', type: 'host' }
}

/**
 * Containers and pods, newest first, but none before the one whose network it shares.
 * @param host inode of the host's network namespace, which nobody owns
 * @returns with a sentence for each engine whose containers were too many for a closer look at each, or are not its own
 */
export async function containerTargets(
  answers: readonly EngineAnswer[],
  table: readonly ContainedProcess[],
  host: number | undefined,
  signal: AbortSignal,
): Promise<{ readonly targets: Target[]; readonly unlocated: readonly string[] }> {
  const answered = answeredEngines(answers)
  const byId = eldestBy(table, ({ container }) => container?.id)
  const listed = listContainersOf(answers).sort(newestFirst)
  const { processes, unlocated } = await locateAll(listed, byId, signal)
  for (const [container, process] of processes)
    if (container.owner.unasked && isStarting(container.engine, process, answered)) processes.delete(container)
  const running = listed.filter(container => processes.has(container))
  const locatedOf = ({ containers }: Unit) =>
    containers.map(member => processes.get(member)).find(process => process?.netns !== undefined)
  const units = behindTheirOwners(groupUnits(running), unit => {
    const netns = locatedOf(unit)?.netns
    return netns === host ? undefined : netns
  })
  const references = referencesIn(units)
  const targets = units.map((unit): Target => {
    const { name, type, container } = describeUnit(unit)
    const [first] = unit.containers
    const { pid = 0, startTime = 0, netns = 0 } = locatedOf(unit) ?? {}
    const target = { reference: references.ofUnit(unit), name, type, prefix: first.prefix, netns, pid, startTime }
    const addresses = unit.containers.flatMap(member => member.addresses)
    const members = () => unit.containers.map(member => podMember(member, references.ofContainer(member), processes))
    const details = unit.pod ? { members: members().sort(sandboxLast) } : container && { container }
    return { ...nothing, ...target, addresses, ...details }
  })
  return { targets, unlocated }
}

/** A process with a network namespace of its own. */
export function processTarget({ netns, pid, startTime, command }: Tenant): Target {
  const reference = formatReference({ scheme: 'pid', pid, startTime })
  return { ...nothing, reference, name: `${command}(${pid})`, type: 'proc', netns, pid, startTime }
}

/**
 * Puts the processes that live in a mounted namespace in its place, as Ghostwire has them: those whose parent lives
 * elsewhere. remora's own list prefers the name that somebody gave.
 */
export function withResidents(targets: readonly Target[], table: readonly ContainedProcess[]): Target[] {
  const namespaces = new Map(table.map(({ pid, netns }) => [pid, netns]))
  const leaders = table
    .filter(isAtHome)
    .filter(({ parent, netns }) => netns !== undefined && namespaces.get(parent) !== netns)
  const shown = targets.flatMap(target => {
    if (target.type !== 'bindmount') return [target]
    const { netns, interfaces, addresses } = target
    const residents = leaders.filter(leader => leader.netns === netns)
    if (residents.length === 0) return [target]
    return residents.map(leader => ({ ...processTarget({ ...leader, netns }), interfaces, addresses }))
  })
  return [...shown, ...leadersBeside(shown, leaders)]
}

/**
 * The first processes of namespaces that containers came to live in, such as those of an engine's own host in a box: what runs
 * there without a container belongs to them. Who came after the containers only visits.
 */
function leadersBeside(targets: readonly Target[], leaders: readonly ContainedProcess[]): Target[] {
  const eldest = eldestBy(leaders, ({ netns }) => netns)
  return [...Map.groupBy(targets, ({ netns }) => netns)].flatMap(([netns, there]) => {
    const leader = eldest.get(netns)
    const [{ interfaces, addresses } = nothing] = there
    if (leader === undefined || leader.container !== undefined) return []
    if (!there.every(({ type, startTime }) => !leaderTypes.includes(type) && startTime > leader.startTime)) return []
    return [{ ...processTarget({ ...leader, netns }), interfaces, addresses }]
  })
}

/** Targets that speak for the processes of a namespace. */
const leaderTypes: readonly Target['type'][] = ['host', 'proc', 'bindmount']

/** A namespace that a mount keeps alive. */
export function mountTarget(mount: NamespaceMount | ForeignMount): Target {
  const { path, inode } = mount
  const named = namedMount.exec(path)?.[1]
  const reference = formatReference(named === undefined ? { scheme: 'file', path } : { scheme: 'named', name: named })
  const name = 'inside' in mount ? `/proc/${mount.pid}/ns/mnt:${mount.inside}` : path
  return { ...nothing, reference, name, type: 'bindmount', netns: inode }
}

/** A namespace that only a thread or a descriptor of a process keeps. */
export function heldTarget(holder: NamespaceHolder): Target {
  const { path, inode } = holder
  const reference = formatReference({ scheme: 'netns', inode })
  return { ...nothing, reference, name: holderName(holder), type: 'proc', netns: inode, path }
}

/** Where `ip netns` mounts a namespace of a name. */
export const namedPath = (name: string) => `/run/netns/${name}`

const namedMount = /^(?:\/var)?\/run\/netns\/([^/]+)$/

/** Whether `ip netns` gives a mount a name. */
export function isNamed(path: string): boolean {
  return namedMount.test(path)
}

/** A container that is known by an event alone. */
export function briefTarget(engine: Engine['name'], { id, name = id.slice(0, 12) }: EngineEvent): Target {
  const type = containerEngines.find(known => known === engine) ?? 'docker'
  return { ...nothing, reference: unambiguousReference({ engine: type, prefix: '', name }), name, type }
}

/** Others of one namespace that are told of: on a host whose containers all share its network there are any number. */
const mostShares = 64

/** Tells each target which others live in the same network namespace. */
export function withShares(targets: readonly Target[]): Target[] {
  const byNamespace = Map.groupBy(targets, ({ netns }) => netns)
  return targets.map(target => {
    const together = target.netns === 0 ? [] : (byNamespace.get(target.netns) ?? []).slice(0, mostShares + 1)
    const others = together.filter(other => other !== target).slice(0, mostShares)
    return others.length === 0 ? target : { ...target, shares: others.map(({ reference }) => reference) }
  })
}

/** A process that nobody may look into, or that could not be found: the container is listed all the same. */
const unknownProcess = { pid: 0, startTime: 0, netns: undefined }
type Located = Pick<ContainedProcess, 'pid' | 'startTime' | 'netns'>

/** Closer looks at the containers of one engine: its list or a control group tells the process of all but a few. */
const mostLooks = 256

/**
 * Processes of containers; those that have stopped meanwhile are left out, and those whose engine may not tell of their
 * process: it is somebody else's, under whatever name.
 */
async function locateAll(
  listed: readonly Listed[],
  byId: ReadonlyMap<string, ContainedProcess>,
  signal: AbortSignal,
): Promise<{ processes: Map<Listed, Located>; unlocated: string[] }> {
  const translate = makePidTranslator(signal)
  const locate = async ({ owner }: Listed, told: ContainerProcess | undefined): Promise<Located | undefined> => {
    if (told === undefined) return undefined
    // A trace is a process we saw: when it cannot be found it has ended.
    return readOneContained(await hostPid(owner, told.pid, translate)) ?? (owner.unasked ? undefined : unknownProcess)
  }
  const looks = new Map<Engine, number>()
  const refused = new Map<Engine, number>()
  const isBelieved = (owner: Engine, { pid }: Located): boolean => {
    if (pid === 0 || mayTellOf(owner, pid)) return true
    refused.set(owner, (refused.get(owner) ?? 0) + 1)
    return false
  }
  const pause = makePause()
  const found = await mapLimit(listed, 16, async (container): Promise<Located | undefined> => {
    const { owner, process, id, engine } = container
    await pause()
    const inGroup = process === undefined ? byId.get(id) : undefined
    if (inGroup !== undefined && (isRandomId(id) || inGroup.container?.engine === engine)) return inGroup
    try {
      if (process !== undefined) return await locate(container, process)
      const count = (looks.get(owner) ?? 0) + 1
      looks.set(owner, count)
      return count > mostLooks ? unknownProcess : await locate(container, await owner.process(id, signal))
    } catch {
      return unknownProcess
    }
  })
  const processes = new Map<Listed, Located>()
  for (const [index, container] of listed.entries()) {
    const process = found[index]
    if (process !== undefined && isBelieved(container.owner, process)) processes.set(container, process)
  }
  const tooMany = [...looks].flatMap(([{ name, address }, count]) =>
    count > mostLooks
      ? [`${name} at ${address} tells of ${count} containers without a process: only ${mostLooks} were asked for`]
      : [],
  )
  const others = [...refused].map(
    ([{ name, address }, count]) =>
      `${name} at ${address} tells of ${count} containers whose processes are not its own`,
  )
  return { processes, unlocated: [...tooMany, ...others] }
}

/** Seconds after which a container that its engine does not list is no longer taken for one that is being started. */
const startingTime = 2
/** Clock ticks a second, in which /proc counts (USER_HZ, the same on every architecture Node runs on). */
const ticks = 100

/** Whether a process is one of an engine that answered, which will tell of its container in a moment. */
function isStarting(
  engine: ContainerEngine | undefined,
  process: Pick<ContainedProcess, 'startTime'>,
  answered: ReadonlySet<string>,
): boolean {
  return engine !== undefined && answered.has(engine) && isYoung(process)
}

/** Whether a process has begun so lately that its engine may not have told of it yet. */
export function isYoung({ startTime }: Pick<ContainedProcess, 'startTime'>): boolean {
  return readUptime() - startTime / ticks < startingTime
}

/** Processes that are not about to become the container of an engine. */
export function withoutStarting(tenants: readonly Tenant[], answers: readonly EngineAnswer[]): Tenant[] {
  const answered = answeredEngines(answers)
  return tenants.filter(tenant => !isStarting(tenant.container?.engine, tenant, answered))
}

function answeredEngines(answers: readonly EngineAnswer[]): Set<string> {
  return new Set(
    answers.flatMap(({ engine: { name }, failure }) => (failure ? [] : [name, kindOf(name)?.groupsLike ?? name])),
  )
}

function podMember(container: Listed, reference: string, processes: ReadonlyMap<Listed, Located>): PodMember {
  return {
    ...containerFacts(container),
    reference,
    name: container.name,
    pid: processes.get(container)?.pid ?? 0,
    sandbox: container.pod?.sandbox ?? false,
  }
}

function sandboxLast(a: PodMember, b: PodMember): number {
  return Number(a.sandbox) - Number(b.sandbox)
}
