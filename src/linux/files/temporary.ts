/**
 * Folders for what must have a name for a moment: a fifo until both its ends are open. A remora that is killed in that moment
 * leaves its folder, which therefore carries its owner in its name, and is taken away at the next opportunity.
 */
import {
  constants,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RemoraError, reasonOf } from '../../base/errors.ts'
import { isOrphan, ownerName } from '../process/owner.ts'

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
      hint: `Make room in ${tmpdir()}, or name another folder that is there, and that this user may write, in TMPDIR.`,
    })
  }
}

/**
 * A file without a name that holds a text, for a child that reads it by the number of a descriptor; the caller closes it.
 * @returns undefined when there is no place for it
 */
export function openText(text: string): number | undefined {
  try {
    const folder = makeTemporaryFolder()
    try {
      const path = join(folder, 'text')
      writeFileSync(path, text)
      return openSync(path, constants.O_RDONLY)
    } finally {
      removeTemporaryFolder(folder, ['text'])
    }
  } catch {
    return undefined
  }
}

/**
 * Removes a temporary folder and the files in it that were made. Needs no descriptor, as a recursive removal does, so it works
 * when they have run out. Never fails: what stays is removed with the orphaned folders.
 */
export function removeTemporaryFolder(folder: string, names: readonly string[]): void {
  for (const name of names) attempt(() => unlinkSync(join(folder, name)))
  attempt(() => rmdirSync(folder))
}

function attempt(action: () => void): void {
  try {
    action()
  } catch {
    // It was never made, or has gone.
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
