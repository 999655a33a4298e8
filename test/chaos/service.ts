/** The capture service of a case: reached by its client over the line, and asked by us through its unix socket. */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Running, start, until } from '../helpers/command.ts'
import { receiverAddress } from '../helpers/netns.ts'
import { environment, executable } from '../helpers/remora.ts'
import type { Scene } from './scene.ts'

export interface Service {
  readonly running: Running
  /** Where its client reaches it. */
  readonly address: string
  readonly token: string
  readonly socket: string
  /** Kinds of its open descriptors, when it had just begun to listen, and what may come to them. */
  readonly descriptors: string[]
  /** Whether it was asked to end, which it tells only a moment later. */
  isAsked: boolean
}

const token = 'chaos-chaos-chaos-chaos-chaos-chaos'

/** Starts a service, and waits until it listens. */
export async function startService(scene: Scene, env: NodeJS.ProcessEnv): Promise<Service> {
  const socket = join(scene.folder, 'service.sock')
  const tokenFile = join(scene.folder, 'token')
  writeFileSync(tokenFile, token, { mode: 0o600 })
  const enter = [...scene.groups.service.enter, 'nsenter', `--net=/run/netns/${scene.line.receiver}`]
  const listen = ['--listen', `${receiverAddress}:5001`, '--listen', `unix:${socket}`, '--token-file', tokenFile]
  const running = start([...enter, executable, 'serve', ...listen], { env: environment(env) }, 180_000)
  await until('the service listens', () => /"msg":"listening"/.test(running.stderr()), 20_000).catch(error => {
    throw new Error(`${error.message}: ${running.stderr()}`)
  })
  await ask(socket, '/healthz')
  const descriptors = descriptorsOf(running.pid)
  return { running, address: `${receiverAddress}:5001`, token, socket, descriptors, isAsked: false }
}

/** Gets a document, over a connection that ends with it. */
export async function ask(socketPath: string, path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const outgoing = request({ socketPath, path, agent: false, timeout: 2_000 }, answer => {
    if (answer.statusCode !== 200) reject(new Error(`${path} answers ${answer.statusCode}`))
    text(answer).then(resolve, reject)
  })
  outgoing.once('timeout', () => outgoing.destroy(new Error(`${path} does not answer`)))
  outgoing.once('error', reject)
  outgoing.end()
  return promise
}

/** Open descriptors of a process, by kind: `socket`, `pipe`, `net` for a namespace, or a path. */
export function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder)
    .flatMap(name => {
      try {
        return [readlinkSync(join(folder, name)).replace(/:\[\d+\]$/, '')]
      } catch {
        return []
      }
    })
    .sort()
}

/** Descriptors that were not there before. libuv holds one on `/` to refuse connections with when there are no more. */
export function addedDescriptors({ running, descriptors }: Service): string[] {
  const before = [...descriptors]
  return descriptorsOf(running.pid).filter(kind => {
    if (kind === '/') return false
    const at = before.indexOf(kind)
    if (at >= 0) before.splice(at, 1)
    return at < 0
  })
}

/** What the service has that belongs to a capture: sessions, tickets, child processes, temporary files, descriptors. */
export async function belongings(service: Service, scene: Scene): Promise<Record<string, unknown>> {
  const { captures } = JSON.parse(await ask(service.socket, '/v1/captures')) as { captures: unknown[] }
  const [, tickets] = /^remora_tickets_waiting (\d+)$/m.exec(await ask(service.socket, '/metrics')) ?? []
  return {
    captures: captures.length,
    tickets: Number(tickets),
    processes: scene.groups.service.processes().filter(pid => pid !== service.running.pid),
    files: readdirSync(scene.temporary),
    descriptors: addedDescriptors(service),
  }
}

/** Lines of its log that tell of a fault of remora's own, or are none of its log. */
export function faultsIn({ running }: Service): string[] {
  return running
    .stderr()
    .split('\n')
    .filter(line => line !== '' && (!line.startsWith('{') || /"msg":"fault"|"code":"BUG"/.test(line)))
}

/** Whether it is there, and was not asked to end. */
export function isServing({ running, isAsked }: Service): boolean {
  return !isAsked && running.child.exitCode === null && isRunning(running.pid)
}

/** Whether a process runs: one that has ended has no command line any more, until its parent knows. */
export function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== ''
  } catch {
    return false
  }
}
