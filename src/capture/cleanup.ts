/** What a remora that was killed may have left behind. */
import { endOrphans } from '../linux/capturing/orphans.ts'
import { removeOrphanedFolders } from '../linux/files/temporary.ts'

/** Ends captures whose remora no longer lives, and takes away its folders; returns what was found, for a log. */
export function cleanUpOrphans(): string[] {
  const ended = endOrphans().map(pid => `ended orphaned capture, process ${pid}`)
  return [...ended, ...removeOrphanedFolders().map(path => `took away orphaned folder ${path}`)]
}
