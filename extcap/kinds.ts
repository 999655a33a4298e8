/** What the flags of the dialogs list. */
import { containerEngines, type TargetType } from '../src/model/target.ts'

/** Kinds of targets by the flag that lists them. */
export const kinds: Record<string, readonly TargetType[]> = {
  showcontainers: containerEngines,
  showpods: ['pod'],
  showprocs: ['proc'],
  showemptynetns: ['bindmount'],
}
