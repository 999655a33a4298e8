/**
 * Makes the code cache of a script of the executable (vm.Script.createCachedData): what V8 compiled of it while it did
 * what is done most often, so that a start compiles nothing. Run by the node that will be in the executable:
 * `node code-cache.ts FOLDER SCRIPT`.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Script } from 'node:vm'

const [, , folder = '', name = ''] = process.argv
const require = createRequire(import.meta.url)
const scratch = mkdtempSync(join(tmpdir(), 'remora-code-cache-'))
const socket = join(scratch, 'engine.sock')

/** The one container of an engine that is none: this process. */
const container = {
  ...{ Id: 'c0de'.repeat(16), Names: ['/typical'], Image: 'typical:1', Created: 1, State: 'running' },
  ...{ Labels: {}, HostConfig: { NetworkMode: 'bridge' } },
  NetworkSettings: { Networks: { bridge: { IPAddress: '127.0.0.1', GlobalIPv6Address: '' } } },
}
const inspected = { State: { Running: true, Pid: process.pid, StartedAt: '2026-01-01T00:00:00Z' }, RestartCount: 0 }
const granted = { path: '/v1/capture/typical', reference: 'docker:typical', name: 'typical' }

/** Answers as Docker does, and as a capture service does that has gone when the capture is to begin. */
const engine = createServer(({ method, url = '' }, response) => {
  const answer = url.startsWith('/containers/json') ? [container] : inspected
  response.writeHead(method === 'POST' ? 201 : 200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(method === 'POST' ? granted : answer))
})
engine.listen(socket).unref()
process.env.DOCKER_HOST = `unix://${socket}`

/** Captures for a moment on loopback, where the user who builds may capture. */
const capture = ['capture', 'docker:typical', '-i', 'lo', '-a', 'duration:1', '-w']

/** What is done most often with a face, and must be quick: listing interfaces, and captures. */
const typical: Readonly<Record<string, readonly (readonly string[])[]>> = {
  extcap: [
    ['--extcap-interfaces'],
    ['--capture', '--extcap-interface', 'remora', '--fifo', '/nonexistent/fifo', '--interface', 'lo'],
  ],
  cli: [
    ['capture', 'pid:999999999', '-w', '/nonexistent/file'],
    [...capture, join(scratch, 'direct')],
    [...capture, join(scratch, 'remote'), '--host', `unix:${socket}`],
  ],
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
  rmSync(scratch, { recursive: true })
  process.exit(0)
})
