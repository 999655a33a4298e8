/**
 * Everything on this host that has a network stack: containers and pods by their engines or by their traces, stand-alone
 * processes by /proc, and namespaces that only a mount, a thread or a descriptor keeps alive. A source that fails costs its
 * part of the list and one warning.
 */
import { abortAfter } from '../../base/abort.ts'
import { exhausted, reasonOf } from '../../base/errors.ts'
import { watchExhaustion } from '../../base/exhaustion.ts'
import type { EngineAnswer } from '../../engine/engine.ts'
import type { ContainedProcess } from '../../engine/processes.ts'
import { tracesEngine } from '../../engine/traces.ts'
import type { NamespaceHolder } from '../../linux/namespace/holders.ts'
import { hasCapability, requireProc } from '../../linux/process/proc.ts'
import type { Target } from '../../model/target.ts'
import { findHeld } from '../host/held.ts'
import { findHost } from '../host/host.ts'
import { isAtHome, listTenants } from '../host/processes.ts'
import { type HostView, type MountView, viewHost, viewMounts } from '../host/view.ts'
import { askHost, engineTimeout } from './ask.ts'
import { addInterfaces } from './interfaces.ts'
import {
  containerTargets,
  type Discovery,
  heldTarget,
  hostTarget,
  isNamed,
  mountTarget,
  processTarget,
  withoutStarting,
  withShares,
} from './targets.ts'

/** How thoroughly the host is looked at. */
export interface DiscoverOptions {
  readonly signal: AbortSignal
  /** Milliseconds each engine has; 2,000 unless said otherwise. */
  readonly timeout?: number | undefined
  /** Look into every namespace for interfaces and addresses. */
  readonly interfaces: boolean
  readonly env?: NodeJS.ProcessEnv
  /**
   * Namespaces that only a thread or a descriptor keeps: those that are known, or all there are, for which the whole of /proc is
   * looked through; none unless said otherwise.
   */
  readonly held?: 'all' | readonly NamespaceHolder[]
  /** What was seen of the host just now, where the caller has it already. */
  readonly seen?: { readonly view: HostView; readonly mounts: MountView }
}

/** Milliseconds for closer looks at containers, beyond those that the engines have for their lists. */
const closerLooks = 1_000

/**
 * Lists all targets: the host first, then containers and pods newest first, then processes, then mounts, then what else is held.
 * @throws RemoraError CAPTURE_FAILED when some were not seen for want of descriptors or memory
 */
export async function discover(options: DiscoverOptions): Promise<Discovery> {
  const { signal, timeout = engineTimeout, interfaces, env, held = [] } = options
  const ranOut = watchExhaustion()
  requireProc()
  // One deadline for all that is asked of engines, so that many late answers are no later than one.
  const limit = AbortSignal.any([signal, abortAfter(timeout + closerLooks)])
  const view = options.seen?.view ?? (await viewHost(signal, env))
  const { table, engines: found, leftOut } = view
  const asking = askHost(timeout, signal, env, { found, more: [tracesEngine(() => table)] })
  // What fails first is told; this one is waited for later, or not at all.
  asking.catch(() => {})
  // While /proc is read, the engines are at work.
  const mounts = options.seen?.mounts ?? (await viewMounts(view, signal))
  const holders = held === 'all' ? await findHeld(table, mounts, signal) : held
  const answers = await asking
  const { targets, unlocated } = await targetsOf(answers, table, { ...mounts, holders }, limit)
  const warnings = [
    ...answers.flatMap(({ failure }) => (failure ? [reasonOf(failure)] : [])),
    ...leftOut,
    ...unlocated,
    ...hiddenFromUser(),
  ]
  const answered = answers.flatMap(({ engine, failure }) => (failure ? [] : engine.address))
  const engines = answers.flatMap(({ engine, failure }) => (failure || engine.unasked ? [] : engine))
  const detailed = interfaces ? await addInterfaces(targets, signal) : { targets, warnings: [] }
  if (ranOut()) throw exhausted()
  return { targets: detailed.targets, warnings: [...warnings, ...detailed.warnings], answered, engines }
}

async function targetsOf(
  answers: readonly EngineAnswer[],
  table: readonly ContainedProcess[],
  kept: MountView & { readonly holders: readonly NamespaceHolder[] },
  signal: AbortSignal,
): Promise<{ targets: Target[]; unlocated: readonly string[] }> {
  const host = findHost()
  const { targets: containers, unlocated } = await containerTargets(answers, table, host?.netns, signal)
  const taken = new Set([host?.netns, ...containers.map(({ netns }) => netns)])
  const take = <T extends { readonly inode: number }>(namespaces: readonly T[]) =>
    namespaces.filter(({ inode }) => !taken.has(inode) && taken.add(inode))
  // A name that somebody gave outlives the processes that come and go in the namespace.
  const named = take(kept.own.filter(({ path }) => isNamed(path)))
  const tenants = listTenants(table.filter(isAtHome))
  const processes = withoutStarting(tenants, answers).filter(({ netns }) => !taken.has(netns))
  for (const { netns } of processes) taken.add(netns)
  const mounts = [...named, ...take(kept.own), ...take(kept.foreign)]
  const targets = withShares([
    ...(host === undefined ? [] : [hostTarget(host)]),
    ...containers,
    ...processes.map(processTarget),
    ...mounts.map(mountTarget),
    ...take(kept.holders).map(heldTarget),
  ])
  return { targets, unlocated }
}

/** A plain user sees his own processes only, and no namespace of another's; said once, in place of many failures. */
function hiddenFromUser(): string[] {
  return process.geteuid?.() === 0 || (hasCapability('sysPtrace') && hasCapability('sysAdmin'))
    ? []
    : ['not running as root: namespaces, processes and engines of other users stay hidden or without details']
}
