/**
 * Makes the code cache of a script of the executable (vm.Script.createCachedData): what V8 compiled of it while it did
 * what is done most often, so that a start compiles nothing. Run by the node that will be in the executable:
 * `node code-cache.ts FOLDER SCRIPT`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Script } from 'node:vm'

const [, , folder = '', name = ''] = process.argv
const require = createRequire(import.meta.url)

/** What is done most often, and what must be quick: listing interfaces, and a capture up to its first refusal. */
const typical = [
  ['--extcap-interfaces'],
  ['--capture', '--extcap-interface', 'remora', '--fifo', '/nonexistent/fifo', '--interface', 'lo'],
]

/** Loads a script as the executable does (build.ts, loader). */
function load(script: string, calls: readonly (readonly string[])[] = [[]]) {
  const path = join(folder, `${script}.cjs`)
  const compiled = new Script(readFileSync(path, 'utf8'), { filename: script })
  const run = compiled.runInThisContext()
  const module = { exports: {} as Record<string, unknown> }
  for (const call of calls) {
    process.argv = [process.execPath, script, ...call]
    run(module, module.exports, require)
  }
  return { exports: module.exports, compiled }
}

Object.assign(globalThis, { loadRemora: (script: string) => load(script).exports })
const { exports, compiled } = load(name, name === 'program' ? typical : [[]])
// A package is used as soon as it is asked for.
for (const key of Object.keys(exports)) void exports[key]
process.once('beforeExit', () => {
  writeFileSync(join(folder, `${name}.cache`), compiled.createCachedData())
  process.exit(0)
})
