/**
 * From the JSON a client of Packetflix sends to a target of this host. Clients keep such descriptions for days, and some
 * make them up, so only the name decides; process and namespace merely tell targets of one name apart.
 */
import { RemoraError } from '../../base/errors.ts'
import { didYouMean, nearestNames } from '../../base/nearest.ts'
import { readContained } from '../../engine/processes.ts'
import { ghostwireType } from '../../ghostwire/engine-types.ts'
import { tenantName } from '../../ghostwire/mobyshark.ts'
import { readCommand } from '../../linux/process/proc.ts'
import type { Target } from '../../model/target.ts'
import type { StockTarget } from '../../protocol/packetflix/target.ts'
import { mountName, pathOfMount } from '../../reference/grammar/mounts.ts'
import { formatReference } from '../../reference/reference.ts'
import { withResidents } from '../list/targets.ts'

/**
 * The reference of the target that is meant.
 * @param targets everything on the host, as it is now
 * @throws RemoraError USAGE, TARGET_NOT_FOUND or TARGET_AMBIGUOUS
 */
export function referenceOfStock(wanted: StockTarget, targets: readonly Target[]): string {
  const { name, netns } = wanted
  if (name === '') {
    if (netns > 0) return formatReference({ scheme: 'netns', inode: netns })
    throw new RemoraError('USAGE', 'the container/target description has neither a name nor a network namespace', {
      hint: 'Name one of them: {"name":"web"} or {"netns":4026532301}.',
    })
  }
  const named = candidates(wanted, targets)
  const [first, ...others] = nearest(wanted, named)
  if (first === undefined) {
    const names = nearestNames(
      name,
      targets.map(target => target.name),
    )
    throw new RemoraError('TARGET_NOT_FOUND', `there is no ${wanted.type || 'target'} ${name}`, {
      hint: didYouMean(names, 'List the targets again.'),
    })
  }
  if (others.some(other => other.netns !== first.netns)) {
    const references = [first, ...others].map(({ reference }) => reference)
    throw new RemoraError('TARGET_AMBIGUOUS', `${name} matches ${references.join(', ')}`, {
      hint: 'Choose one of them.',
    })
  }
  return first.reference
}

/**
 * Targets of the name: a mount's own, too, where a process has come to live in it. The first process of a host speaks for
 * the host, whatever it is called there; which process sees a mount does not matter where the namespace is the same.
 */
function candidates({ name, prefix, netns }: StockTarget, targets: readonly Target[]): Target[] {
  const isInit = prefix === '' && /^[^()]+\(1\)$/.test(name)
  const isNamed = (target: Target): boolean => {
    if (target.name === name) return true
    if (target.type === 'host') return isInit || tenantName(target, commandOf) === name
    if (target.type !== 'bindmount') return false
    return mountName(target.name) === name || (target.netns === netns && pathOfMount(target.name) === pathOfMount(name))
  }
  const known = new Set([...targets, ...withResidents(targets, readContained())])
  return [...known].filter(target => target.prefix === prefix && isNamed(target))
}

const commandOf = (pid: number) => readCommand(pid) ?? ''

/** Of several of one name those of the type, of the namespace, of the process: each only where any fits. */
function nearest({ type, netns, pid, starttime }: StockTarget, named: readonly Target[]): Target[] {
  const conditions: ((target: Target) => boolean)[] = [
    target => ghostwireType(target.type) === type,
    target => target.netns === netns,
    target => target.pid === pid && target.startTime === starttime,
  ]
  return conditions.reduce<Target[]>(
    (left, condition) => {
      const fitting = left.filter(condition)
      return fitting.length > 0 ? fitting : left
    },
    [...named],
  )
}
