/**
 * Runs the checks and every test project, and ends with one plain line that counts them. In CI a test that was skipped
 * counts as a failure: a missing tool must be installed, not passed over.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runChecks } from './check.ts'
import { packageAll } from './package.ts'

const folder = mkdtempSync(join(tmpdir(), 'remora-report-'))
const report = join(folder, 'report.json')

await packageAll()
const checks = await runChecks()
// The policy alone is one of the checks; here the registry is asked as well, and what it says is shown.
const audit = spawnSync('node', ['scripts/audit.ts'], { stdio: 'inherit' })
const vitest = spawnSync('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`], {
  stdio: 'inherit',
})

const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numTodoTests = 0, success = false } = readReport()
const skipped = numPendingTests + numTodoTests
const broken = vitest.status !== 0 && numFailedTests === 0 ? 1 : 0
const audited = audit.status === 0 ? 1 : 0
const failed = numFailedTests + broken + checks.failed + 1 - audited
if (!success || broken > 0) console.error('the test run itself did not succeed; see above')
if (process.env.CI && skipped > 0) console.error('in CI a skipped test is a failure')
process.exitCode = failed > 0 || (process.env.CI && skipped > 0) ? 1 : 0
console.log(`${numPassedTests + checks.passed + audited} passed, ${failed} failed, ${skipped} skipped`)

function readReport(): Record<string, number> & { success?: boolean } {
  try {
    return JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    return {}
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
