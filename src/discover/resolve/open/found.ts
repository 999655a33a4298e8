/** A target that a reference was found to mean, and what is said of a reference that means nothing, or too much. */
import { RemoraError } from '../../../base/errors.ts'
import type { Engine } from '../../../engine/engine.ts'
import type { NetworkNamespace } from '../../../linux/namespace/netns.ts'
import type { ContainerFacts, TargetType } from '../../../model/target.ts'

/** A target whose network namespace is open; whoever has it closes that. */
export interface FoundTarget {
  /** Canonical form of what was asked for. */
  readonly reference: string
  readonly name: string
  readonly type: TargetType
  readonly namespace: NetworkNamespace
  /** The container, where the target is a single one. */
  readonly container?: ContainerFacts
  /** The containers of a pod, its sandbox first where that is known. */
  readonly members?: readonly ContainerFacts[]
  /** The engine that told of it. */
  readonly owner?: Engine
}

/** What to do next when nothing is near to the name that was asked for. */
export const listHint = 'remora list shows what there is.'

/** The failure of a reference that means several targets where one is needed. */
export function ambiguous(text: string, candidates: readonly string[]): RemoraError {
  return new RemoraError('TARGET_AMBIGUOUS', `${text} matches ${candidates.length} targets: ${candidates.join(', ')}`, {
    hint: 'Choose one of them.',
  })
}

/** Keeps the target whose process was started last, by what the kernel says of it, and closes the others. */
export function keepNewest(targets: readonly FoundTarget[]): FoundTarget[] {
  const started = ({ namespace: { process } }: FoundTarget) => process?.startTime ?? 0
  const [newest, ...others] = targets.toSorted((a, b) => started(b) - started(a))
  for (const { namespace } of others) namespace.close()
  return newest === undefined ? [] : [newest]
}
