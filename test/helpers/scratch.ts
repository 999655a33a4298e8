/** A folder for one test, taken away when the tests of its file are over, or the process is. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folders: string[] = []

export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'remora-test-'))
  folders.push(folder)
  return folder
}

/** Takes away every folder handed out so far. */
export function removeScratch(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

process.once('exit', removeScratch)
