/** Every check of the sources, all at once: format and lint, types, import table, dead code, generated documents, packages. */
import { spawn } from 'node:child_process'

const checks: Record<string, string[]> = {
  'format and lint': ['biome', 'ci', '--colors=off', '--error-on-warnings'],
  types: ['tsc', '--noEmit'],
  "types of the service's page": ['tsc', '--noEmit', '--project', 'src/serve/page'],
  'import table': ['depcruise', '--config', '.dependency-cruiser.cjs', 'bin', 'extcap', 'src'],
  'dead code': ['knip', '--no-progress'],
  'generated documents': ['node', 'scripts/docs.ts', '--check'],
  dependencies: ['node', 'scripts/audit.ts', '--offline'],
}

/** Runs all checks; prints what the failed ones said. */
export async function runChecks(): Promise<{ passed: number; failed: number }> {
  const results = await Promise.all(Object.entries(checks).map(([name, command]) => runCheck(name, command)))
  const failed = results.filter(ok => !ok).length
  return { passed: results.length - failed, failed }
}

function runCheck(name: string, [program = '', ...args]: string[]): Promise<boolean> {
  return new Promise(resolve => {
    const output: Buffer[] = []
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.on('data', chunk => output.push(chunk))
    child.stderr.on('data', chunk => output.push(chunk))
    child.once('error', error => output.push(Buffer.from(error.message)))
    child.once('close', status => {
      console.log(`${status === 0 ? 'ok' : 'FAILED'}: ${name}`)
      if (status !== 0) console.log(Buffer.concat(output).toString())
      resolve(status === 0)
    })
  })
}

if (import.meta.main) process.exitCode = (await runChecks()).failed > 0 ? 1 : 0
