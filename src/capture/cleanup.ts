/** What a remora that was killed may have left behind. */
import { endOrphans } from '../linux/orphans.ts'

/** Ends captures whose remora no longer lives; returns their process numbers. */
export function endOrphanedCaptures(): number[] {
  return endOrphans()
}
