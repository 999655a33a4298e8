/**
 * Every check of the sources, all at once: format and lint, types, imports, dead code, docstrings, generated documents,
 * dependencies.
 */
import { execa } from 'execa'

const checks: Record<string, string[]> = {
  'format and lint': ['biome', 'ci', '--colors=off', '--error-on-warnings'],
  types: ['tsc', '--noEmit'],
  "types of the service's page": ['tsc', '--noEmit', '--project', 'src/serve/page'],
  'import table': ['depcruise', '--config', '.dependency-cruiser.cjs', 'bin', 'extcap', 'src'],
  'dead code': ['knip', '--no-progress'],
  docstrings: ['node', 'scripts/docstrings.ts'],
  'generated documents': ['node', 'scripts/docs.ts', '--check'],
  dependencies: ['node', 'scripts/audit.ts', '--offline'],
}

/** Runs all checks; prints what the failed ones said. */
export async function runChecks(): Promise<{ passed: number; failed: number }> {
  const results = await Promise.all(Object.entries(checks).map(([name, command]) => runCheck(name, command)))
  const failed = results.filter(hasFailed => hasFailed).length
  return { passed: results.length - failed, failed }
}

async function runCheck(name: string, [program = '', ...args]: string[]): Promise<boolean> {
  const { failed, all } = await execa(program, args, { preferLocal: true, reject: false, all: true })
  console.log(`${failed ? 'FAILED' : 'ok'}: ${name}`)
  if (failed) console.log(all)
  return failed
}

if (import.meta.main) process.exitCode = (await runChecks()).failed > 0 ? 1 : 0
