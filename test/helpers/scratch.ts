/** A folder for one test. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export function scratch(): string {
  return mkdtempSync(join(tmpdir(), 'remora-test-'))
}
