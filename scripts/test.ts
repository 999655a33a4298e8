/**
 * Runs the checks and every test project, and ends with one plain line that counts them. In CI a test that was skipped
 * counts as a failure: a missing tool must be installed, not passed over.
 *
 * Most tests wait, so three lanes of test files run beside each other: files that start no engine, files that start Docker or a
 * fake engine, and files that start another engine. A Docker of a test shares nothing with another one, so the third lane helps
 * with the files of the second when its own are done. Podman has locks that all of a machine share, and runs in one lane only.
 * Files that measure what the machine can do run alone, after all others.
 *
 * Each file of an engine lane, and the lane without engines as a whole, has PID and mount namespaces of its own: engines and captures of
 * another lane, or of anybody else on the machine, do not exist there, and nothing that a test leaves behind outlives it.
 */
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { $ } from 'execa'
import { runChecks } from './check.ts'
import { packageAll } from './package.ts'

/** Counts of a run of vitest. */
interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What came of a run. */
interface Run extends Counts {
  readonly failures: readonly string[]
}

/** What vitest reports of a run, as far as it is used here. */
interface Report {
  readonly numPassedTests?: number
  readonly numFailedTests?: number
  readonly numPendingTests?: number
  readonly numTodoTests?: number
  readonly testResults?: readonly {
    readonly name: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

/** Namespaces of its own for a command, with a shell as the first process, which reaps what loses its parent. */
const isolation = [
  ...['unshare', '--pid', '--mount', '--mount-proc', '--fork', '--kill-child'],
  ...['bash', '-c', '"$@" & wait $!', 'bash'],
]

/** Files that load the machine until packets are lost, or count how late they come. */
const alone = ['flood', 'immediate', 'serve-many', 'soak'].map(name => `test/end-to-end/${name}.test.ts`)
/** Engines whose lane takes a file; the first that fits counts. */
const lanes = [
  { name: 'engines', starts: /from '.*\/(podman|containerd|pods|booted|rootless)\.ts'/ },
  { name: 'docker', starts: /from '.*\/(docker|fake-docker|fake-engine|hostile-engine)\.ts'/ },
]

/** Runs a command whose output is shown as it comes. */
const shown = $({ preferLocal: true, reject: false, stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' })

const folder = mkdtempSync(join(tmpdir(), 'remora-report-'))
try {
  await packageAll()
  const checks = await runChecks()
  // The policy alone is one of the checks; here the registry is asked as well, and what it says is shown.
  const { failed: unaudited } = await shown`node scripts/audit.ts`
  const files = globSync('test/{engine,system,end-to-end}/**/*.test.ts').filter(file => !alone.includes(file))
  const laneOf = (file: string) => lanes.find(({ starts }) => starts.test(readFileSync(file, 'utf8')))?.name ?? 'others'
  const { engines = [], docker = [], others = [] } = Object.groupBy(files.sort(longestFirst), laneOf)
  const runs = [
    await runTests('unit', ['--project', 'unit']),
    ...(await Promise.all([runQueues(engines, docker), runQueues(docker), runTests('others', others)])).flat(),
    await runTests('alone', alone),
  ]
  const own = { passed: checks.passed + Number(!unaudited), failed: checks.failed + Number(unaudited), skipped: 0 }
  const { passed, failed, skipped } = [own, ...runs].reduce(sum)
  if (process.env.CI && skipped > 0) console.error('in CI a skipped test is a failure')
  process.exitCode = failed > 0 || (process.env.CI && skipped > 0) ? 1 : 0
  for (const failure of runs.flatMap(run => run.failures)) console.error(failure)
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Orders files by their size, which tells roughly how long they take: lanes that share files then end together. */
function longestFirst(one: string, two: string): number {
  return statSync(two).size - statSync(one).size
}

/** Runs the files of queues one after another, each in a run of its own, and takes them out; others may take from them too. */
async function runQueues(...queues: string[][]): Promise<Run[]> {
  const runs: Run[] = []
  for (const queue of queues) {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      runs.push(await runTests(file.replaceAll('/', '-'), [file]))
    }
  }
  return runs
}

/** Runs vitest; a run that fails without a failed test counts as one failure. */
async function runTests(name: string, selection: readonly string[]): Promise<Run> {
  const path = join(folder, `${name}.json`)
  const vitest = ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${path}`, ...selection]
  const run = await shown`${name === 'unit' ? vitest : [...isolation, ...vitest]}`
  const { numPassedTests: passed = 0, numFailedTests = 0, ...rest } = readReport(path)
  const broken = run.failed && numFailedTests === 0
  const failures = [...tellFailures(rest), ...(broken ? [`FAILED: the test run "${name}", see above`] : [])]
  const skipped = (rest.numPendingTests ?? 0) + (rest.numTodoTests ?? 0)
  return { passed, failed: numFailedTests + Number(broken), skipped, failures }
}

/** Names every test that failed, with what it says: in a long output, what failed is looked for at its end. */
function tellFailures({ testResults = [] }: Report): string[] {
  return testResults.flatMap(file =>
    file.assertionResults
      .filter(test => test.status === 'failed')
      .map(
        test =>
          `FAILED: ${relative('.', file.name)} > ${test.fullName}\n${test.failureMessages.join('\n').slice(0, 1500)}`,
      ),
  )
}

function readReport(path: string): Report {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return {}
  }
}

function sum(one: Counts, two: Counts): Counts {
  return {
    passed: one.passed + two.passed,
    failed: one.failed + two.failed,
    skipped: one.skipped + two.skipped,
  }
}
