/** A program that is named like an engine, run by any user: it listens on a socket and tells of whatever it is told to. */
import { chmodSync, chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { end, type Running, start, until } from './command.ts'
import { scratch } from './scratch.ts'

/** Container as the APIs of Docker and Podman list it; only that of Podman has the process in its list. */
export interface FakeContainer {
  readonly id: string
  readonly name: string
  readonly pid: number
  readonly address?: string
}

export interface FakeEngine {
  readonly socket: string
  readonly pid: number
  /** Lets it answer nothing any more, or again. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void
  close(): Promise<void>
}

const program = `
const { readFileSync, writeFileSync } = require('node:fs')
const [command, socket, file] = process.argv.slice(2)
writeFileSync('/proc/self/comm', command)
const containers = () => JSON.parse(readFileSync(file, 'utf8'))
const ofPodman = ({ id, name, pid }) => ({ Id: id, Names: [name], State: 'running', Pid: pid, StartedAt: 1 })
const listed = ({ id, name, address = '' }) => ({
  Id: id, Names: ['/' + name], State: 'running', Created: 1, NetworkSettings: { Networks: { x: { IPAddress: address } } },
})
require('node:http').createServer((request, response) => {
  const path = request.url.split('?')[0]
  const [, id] = /^\\/containers\\/(.+)\\/json$/.exec(path) ?? []
  const found = containers().find(container => container.id === id)
  if (/\\/events$/.test(path)) return response.writeHead(200).flushHeaders()
  if (/libpod.containers.json$/.test(path)) return response.end(JSON.stringify(containers().map(ofPodman)))
  if (/pods.json$/.test(path)) return response.end('[]')
  if (path === '/containers/json') return response.end(JSON.stringify(containers().map(listed)))
  if (found === undefined) return response.writeHead(404).end('{}')
  const State = { Running: true, Pid: found.pid, StartedAt: '2026-01-01T00:00:00Z' }
  response.end(JSON.stringify({ Id: id, State }))
}).listen(socket, () => console.error('listening'))
`

/**
 * Starts one.
 * @param enter what stands before its command: who runs it, and where
 * @param command what it calls itself
 */
export async function startFakeEngine(
  containers: readonly FakeContainer[],
  { enter = [], command = 'dockerd', user = 0 }: { enter?: readonly string[]; command?: string; user?: number } = {},
): Promise<FakeEngine> {
  const folder = scratch()
  chmodSync(folder, 0o755)
  chownSync(folder, user, user)
  const [script, file, socket] = ['engine.cjs', 'containers.json', 'engine.sock'].map(name => join(folder, name))
  writeFileSync(script ?? '', program)
  writeFileSync(file ?? '', JSON.stringify(containers))
  const running: Running = start([...enter, process.execPath, script ?? '', command, socket ?? '', file ?? ''])
  await until('the engine listens', () => {
    if (running.child.exitCode !== null) throw new Error(running.stderr())
    return /listening/.test(running.stderr())
  })
  return {
    socket: socket ?? '',
    pid: running.pid,
    signal: name => void running.child.kill(name),
    close: () => end(running.child),
  }
}
