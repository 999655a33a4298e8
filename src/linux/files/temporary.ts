/**
 * Folders for what must have a name for a moment: a fifo until both its ends are open. A remora that is killed in that moment
 * leaves its folder, which therefore carries its owner in its name, and is taken away at the next opportunity.
 */
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RemoraError, reasonOf } from '../../base/errors.ts'
import { isOrphan, ownerName } from '../capturing/orphans.ts'

/**
 * Makes a folder that only this user may enter; the caller takes it away.
 * @throws RemoraError CAPTURE_FAILED when there is no place for it
 */
export function makeTemporaryFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), `remora-${ownerName()}-`))
  } catch (error) {
    throw new RemoraError('CAPTURE_FAILED', `cannot make a temporary folder: ${reasonOf(error)}`, {
      cause: error,
      hint: `Make room in ${tmpdir()}, or name another place in TMPDIR.`,
    })
  }
}

/** Folders of this user whose remora no longer lives. What somebody else named like one is not touched. */
export function findOrphanedFolders(): string[] {
  return listNames(tmpdir())
    .filter(name => isOrphan(/^remora-(\d+@\d+@\d+)-/.exec(name)?.[1]))
    .map(name => join(tmpdir(), name))
    .filter(path => {
      const stats = lstatSync(path, { throwIfNoEntry: false })
      return stats?.isDirectory() && stats.uid === process.geteuid?.()
    })
}

/** Takes away orphaned folders; returns their paths. */
export function removeOrphanedFolders(): string[] {
  const folders = findOrphanedFolders()
  for (const path of folders) rmSync(path, { recursive: true, force: true })
  return folders
}

function listNames(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
