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

/** What is done most often with a face, and must be quick: listing interfaces, and captures up to their first refusal. */
const typical: Readonly<Record<string, readonly (readonly string[])[]>> = {
  extcap: [
    ['--extcap-interfaces'],
    ['--capture', '--extcap-interface', 'remora', '--fifo', '/nonexistent/fifo', '--interface', 'lo'],
  ],
  cli: [['capture', 'pid:999999999', '-w', '/nonexistent/file']],
}

/** Loads a script as the executable does (build.ts, loader). */
function load(script: string) {
  const path = join(folder, `${script}.cjs`)
  const compiled = new Script(readFileSync(path, 'utf8'), { filename: script })
  const module = { exports: {} as Record<string, unknown> }
  compiled.runInThisContext()(module, module.exports, require)
  return { exports: module.exports, compiled }
}

Object.assign(globalThis, { loadRemora: (script: string) => load(script).exports })
// The entry looks at what is asked for: here, its version.
process.argv = [process.execPath, name, '--version']
const { exports, compiled } = load(name)
// A package is used as soon as it is asked for.
for (const key of Object.keys(exports)) void exports[key]
const { main } = exports as { main?: (argv: readonly string[]) => Promise<void> }
for (const call of typical[name] ?? []) void main?.(call)
process.once('beforeExit', () => {
  writeFileSync(join(folder, `${name}.cache`), compiled.createCachedData())
  process.exit(0)
})
