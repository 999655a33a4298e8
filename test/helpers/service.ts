/** The capture service, as a test starts it: the built program on a free port, its log kept, its temporary files apart. */
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { checkAnswer } from './api.ts'
import { end, type Running, start, until } from './command.ts'
import { descriptorCount } from './leaks.ts'
import { childrenOf, memoryOf } from './process.ts'
import { environment, executable } from './remora.ts'
import { scratch } from './scratch.ts'

export interface ServiceUnderTest {
  /** Address without a slash at the end; of the first place it listens on by TCP. */
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly running: Running
  /** Its folder for temporary files. */
  readonly folder: string
  /** Lines of its log so far. */
  log(): Record<string, unknown>[]
  /** Names in that folder. */
  temporary(): string[]
  /** Resident memory, MiB. */
  memory(): number
  descriptors(): number
  /** Numbers of the processes it has started and that still are. */
  children(): number[]
  /** Asks for a document or an action; an answer that is not as described is a failure. */
  get(path: string, init?: RequestInit): Promise<Response>
  /** Asks for a capture. */
  ask(body: unknown, init?: RequestInit): Promise<Response>
  close(): Promise<void>
}

interface Options {
  readonly env?: NodeJS.ProcessEnv
  /** What to listen on; a free port of 127.0.0.1 unless told. */
  readonly listen?: string
  /** What stands before the command. */
  readonly prefix?: readonly string[]
  /** Milliseconds after which it is killed, in case a test leaves it behind. */
  readonly deadline?: number
}

/** Starts the service, and waits until it listens. */
export async function serve(args: readonly string[] = [], options: Options = {}): Promise<ServiceUnderTest> {
  const { env, listen = '127.0.0.1:0', prefix = [], deadline = 900_000 } = options
  const folder = scratch()
  const command = [...prefix, executable, 'serve', '--listen', listen, ...args]
  const running = start(command, { env: environment({ TMPDIR: folder, ...env }) }, deadline)
  const log = () => logLines(running.stderr())
  const said = () => log().find(line => line.msg === 'listening')
  await until('the service listens', () => said() !== undefined || running.child.exitCode !== null, 30_000)
  const addresses = (said()?.addresses ?? []) as string[]
  const [, port] = /:(\d+)$/.exec(addresses.find(address => /:\d+$/.test(address)) ?? '') ?? []
  if (said() === undefined) throw new Error(`the service did not start: ${running.stderr()}`)
  const url = `${args.includes('--tls-cert') ? 'https' : 'http'}://127.0.0.1:${port}`
  const get = async (path: string, init?: RequestInit) => {
    const answer = await fetch(`${url}${path}`, init)
    await checkAnswer(init?.method ?? 'GET', answer.url, answer)
    return answer
  }
  return {
    url,
    port: Number(port),
    pid: running.pid,
    running,
    folder,
    log,
    temporary: () => readdirSync(folder),
    memory: () => memoryOf(running.pid),
    descriptors: () => descriptorCount(running.pid),
    children: () => childrenOf(running.pid),
    get,
    ask(body, init) {
      const headers = { 'content-type': 'application/json', ...init?.headers }
      return get('/v1/captures', { method: 'POST', body: JSON.stringify(body), ...init, headers })
    },
    close: () => end(running.child, 'SIGTERM'),
  }
}

function logLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .slice(0, -1)
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line))
}

/** A running capture, as `GET /v1/captures` tells of it. */
export interface ListedCapture {
  readonly id: string
  readonly phase: string
  /** ISO 8601. */
  readonly since: string
  readonly packets: number
  readonly bytes: number
}

export async function captures(service: ServiceUnderTest): Promise<ListedCapture[]> {
  return ((await (await service.get('/v1/captures')).json()) as { captures: ListedCapture[] }).captures
}

/** Waits until so many captures run. */
export async function running(service: ServiceUnderTest, count: number): Promise<void> {
  await until(`${count} captures run`, async () => {
    const list = await captures(service)
    return list.length === count && list.every(({ phase }) => phase === 'running')
  })
}

export interface RawAnswer {
  readonly text: string
  readonly status: number | undefined
}

/** Sends bytes as they are, and takes what comes until the service hangs up. */
export async function sendRaw(port: number, content: string | Buffer, timeout = 30_000): Promise<RawAnswer> {
  const socket = await connectRaw(port)
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  socket.write(content)
  await until('the service hangs up', () => socket.closed, timeout).finally(() => socket.destroy())
  const text = Buffer.concat(chunks).toString('latin1')
  return { text, status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]) || undefined }
}

/** A bare connection. */
export async function connectRaw(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return socket
}
