/**
 * Makes the code cache of a script of the executable (vm.Script.createCachedData): what V8 compiled of it while it did
 * what is done most often, so that a start compiles nothing. Run by the node that will be in the executable:
 * `node code-cache.ts FOLDER SCRIPT [ARGUMENT…]`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Script } from 'node:vm'

const [, , folder = '', name = '', ...argv] = process.argv
const require = createRequire(import.meta.url)

/** Loads a script as the executable does (build.ts, loader). */
function load(script: string): { readonly exports: Record<string, unknown>; readonly compiled: Script } {
  const path = join(folder, `${script}.cjs`)
  const compiled = new Script(readFileSync(path, 'utf8'), { filename: script })
  const module = { exports: {} as Record<string, unknown> }
  compiled.runInThisContext()(module, module.exports, require)
  return { exports: module.exports, compiled }
}

Object.assign(globalThis, { loadRemora: (script: string) => load(script).exports })
process.argv = [process.execPath, name, ...argv]
const { exports, compiled } = load(name)
// A package is used as soon as it is asked for.
if (argv.length === 0) for (const key of Object.keys(exports)) void exports[key]
process.once('beforeExit', () => {
  writeFileSync(join(folder, `${name}.cache`), compiled.createCachedData())
  process.exit()
})
