/** Interfaces that go, or go down, between the look and the start of a capture of every interface: it goes on with the others. */
import { RemoraError } from '../../base/errors.ts'
import { isStillThere, type NetworkNamespace } from '../../linux/namespace/netns.ts'
import { listInterfaces } from '../../linux/network/iproute.ts'
import type { NetworkInterface } from '../../model/interface.ts'
import type { SourcePlan } from '../plan/plan.ts'
import { ownInterfaces } from '../plan/taps.ts'

/** Whether a capture of every interface failed since one of them, which nobody named, is not there. */
export function isGone({ everyInterface }: Pick<SourcePlan, 'everyInterface'>, error: unknown): boolean {
  return everyInterface && error instanceof RemoraError && error.code === 'INTERFACE_NOT_FOUND'
}

/**
 * Plans for the interfaces that are left.
 * @param known interfaces as they were when it was planned
 * @param error what the capture failed with
 * @throws RemoraError INTERFACE_NOT_FOUND when none is left; the error itself when it has another reason
 */
export async function withoutGone(
  plan: SourcePlan,
  namespace: NetworkNamespace,
  known: readonly NetworkInterface[],
  error: unknown,
): Promise<SourcePlan> {
  if (!isGone(plan, error) || !isStillThere(namespace)) throw error
  const indexOf = new Map(known.map(({ name, index }) => [name, index]))
  const up = new Set((await listInterfaces(namespace)).filter(nif => nif.up).map(({ index }) => index))
  const taps = plan.taps.filter(tap => up.has(indexOf.get(tap.interface.name) ?? 0))
  if (taps.length === 0) throw allGone(plan)
  return { ...plan, taps }
}

/** The failure of a capture whose interfaces have all gone before it began. */
export function allGone({ name, taps }: Pick<SourcePlan, 'name' | 'taps'>): RemoraError {
  const names = ownInterfaces(taps)
    .map(nif => nif.name)
    .join(', ')
  return new RemoraError(
    'INTERFACE_NOT_FOUND',
    `${names} of ${name} went before the capture had begun, and no other interface is up`,
    { hint: 'Start the capture again when an interface is up; --follow goes on with the next one.' },
  )
}
