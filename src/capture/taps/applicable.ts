/**
 * On which interfaces of a target a capture filter means something. A filter may be right for Ethernet and none for a tunnel,
 * whose packets have no such header: then the others are captured, unless that one was asked for.
 */
import { RemoraError } from '../../base/errors.ts'
import type { CapturedInterface } from '../../linux/capturing/device.ts'
import { checkFilter } from '../../linux/capturing/dumpcap.ts'
import type { NetworkNamespace } from '../../linux/namespace/netns.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import type { SourcePlan } from '../plan/plan.ts'
import { ownInterfaces } from '../plan/taps.ts'

/** An interface that is up and not captured, and why. */
export interface LeftOut {
  readonly name: string
  readonly reason: string
}

/** A plan whose filter compiles on every interface. */
export interface ApplicablePlan {
  readonly plan: SourcePlan
  readonly leftOut: readonly LeftOut[]
}

/**
 * Checks the filter of a plan, and leaves interfaces out that it means nothing on, where every one that is up was asked for.
 * @param known interfaces of the namespace
 * @throws RemoraError as {@link checkFilter} does
 */
export async function withApplicableFilter(
  plan: SourcePlan,
  namespace: NetworkNamespace,
  known: readonly NetworkInterface[],
  signal: AbortSignal,
): Promise<ApplicablePlan> {
  const interfaces = ownInterfaces(plan.taps)
  const filter = plan.taps[0]?.filter ?? ''
  try {
    await checkFilter(namespace, filter, interfaces, signal)
    return { plan, leftOut: [] }
  } catch (error) {
    if (!isInvalid(error) || filter === '' || interfaces.length < 2) throw error
    const refusals = await refusedKinds(namespace, filter, byKind(interfaces, known), signal)
    const captured = interfaces.filter(({ name }) => !refusals.has(name))
    // Whatever is wrong with it is wrong everywhere.
    if (captured.length === 0) throw error
    if (!plan.everyInterface) throw withWayOut(error, captured)
    const leftOut = [...refusals].map(([name, reason]) => ({ name, reason }))
    return { plan: withInterfaces(plan, captured, leftOut, known), leftOut }
  }
}

/** The line for people about what is left out. */
function leftOutLine(target: string, leftOut: readonly LeftOut[]): string {
  const names = leftOut.map(({ name }) => name)
  const more = names.length - mostNamed
  const all = more > 1 ? `${names.slice(0, mostNamed).join(', ')} and ${more} more` : names.join(', ')
  return `${all} of ${target} left out: ${leftOut[0]?.reason}`
}

/** Interfaces that are named in a line. */
const mostNamed = 5

function isInvalid(error: unknown): error is RemoraError {
  return error instanceof RemoraError && error.code === 'FILTER_INVALID'
}

/** Interfaces whose packets begin alike: a filter means the same on all of them. */
function byKind(interfaces: readonly CapturedInterface[], known: readonly NetworkInterface[]): CapturedInterface[][] {
  const kinds = new Map<string, CapturedInterface[]>()
  for (const nif of interfaces) {
    const { name, device = name } = nif
    const { linkType = name } = known.find(one => one.name === name) ?? {}
    const kind = device === 'any' ? 'cooked' : `of ${linkType}`
    kinds.set(kind, [...(kinds.get(kind) ?? []), nif])
  }
  return [...kinds.values()]
}

/** Asks for one interface of each kind. @returns the refused ones, each with the reason */
async function refusedKinds(
  namespace: NetworkNamespace,
  filter: string,
  kinds: readonly (readonly CapturedInterface[])[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const refusals = new Map<string, string>()
  for (const kind of kinds) {
    try {
      await checkFilter(namespace, filter, kind.slice(0, 1), signal)
    } catch (error) {
      if (!isInvalid(error)) throw error
      for (const { name } of kind) refusals.set(name, error.message)
    }
  }
  return refusals
}

function withInterfaces(
  plan: SourcePlan,
  captured: readonly CapturedInterface[],
  leftOut: readonly LeftOut[],
  known: readonly NetworkInterface[],
): SourcePlan {
  const names = new Set(captured.map(({ name }) => name))
  return {
    ...plan,
    notes: [...plan.notes, leftOutLine(plan.name, leftOut)],
    interfaceIndexes: known.filter(({ name }) => names.has(name)).map(({ index }) => index),
    taps: plan.taps.filter(tap => names.has(tap.interface.name)),
  }
}

function withWayOut(error: RemoraError, captured: readonly CapturedInterface[]): RemoraError {
  const names = captured.slice(0, 8).map(({ name }) => `-i ${name}`)
  return new RemoraError('FILTER_INVALID', error.message, {
    cause: error,
    hint: `It means something on others: ${names.join(' ')}`,
  })
}
