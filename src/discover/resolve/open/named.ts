/** `named:blue`: a namespace that `ip netns` gave a name. */
import { basename } from 'node:path'
import { RemoraError } from '../../../base/errors.ts'
import { didYouMean, nearestNames } from '../../../base/nearest.ts'
import { listNamespaceMounts } from '../../../linux/namespace/mountinfo.ts'
import type { NamedReference } from '../../../reference/schemes/named.ts'
import { namedPath } from '../../list/targets.ts'
import { listHint } from './found.ts'
import { type Opener, openMount } from './opener.ts'

/** Opens the namespace of the name; where there is none, the hint tells the nearest names. */
export const openNamed: Opener<NamedReference> = reference => {
  try {
    return [openMount(reference, namedPath(reference.name))]
  } catch (error) {
    if (!(error instanceof RemoraError) || error.code !== 'TARGET_NOT_FOUND') throw error
    const names = listNamespaceMounts().map(({ path }) => basename(path))
    throw new RemoraError(error.code, error.message, {
      cause: error,
      hint: didYouMean(nearestNames(reference.name, names), listHint),
    })
  }
}
