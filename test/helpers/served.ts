/** A capture service of the built executable on a free port, for tests of its clients. */
import { createInterface } from 'node:readline'
import { end, must, type Running, start, until } from './command.ts'
import { environment, executable } from './remora.ts'

export interface Served {
  /** `host:port` of its first address, or `unix:/path`. */
  readonly address: string
  readonly running: Running
  /** Captures that run there, as `/v1/captures` tells them. */
  captures(): Promise<readonly Record<string, unknown>[]>
  close(): Promise<void>
}

interface ServeOptions {
  readonly env?: NodeJS.ProcessEnv
  /** What stands before the command. */
  readonly prefix?: readonly string[]
  /** For its own questions to the service. */
  readonly curl?: readonly string[]
}

/** Starts a service, by default on 127.0.0.1. */
export async function serve(args: readonly string[] = [], options: ServeOptions = {}): Promise<Served> {
  const { env = {}, prefix = [], curl = [] } = options
  const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0']
  const running = start([...prefix, executable, 'serve', ...listen, ...args], { env: environment(env) }, 600_000)
  let address = ''
  const lines = createInterface({ input: running.child.stderr as NodeJS.ReadableStream })
  lines.on('line', line => {
    const [, first] = /"addresses":\["([^"]+)"/.exec(line) ?? []
    address ||= first ?? ''
  })
  try {
    await until('the service listens', () => address !== '', 20_000)
  } catch (error) {
    await end(running.child)
    throw new Error(`${(error as Error).message}: ${running.stderr()}`)
  }
  const [, socket] = /^unix:(.*)$/.exec(address) ?? []
  const scheme = args.includes('--tls-cert') ? 'https' : 'http'
  const place = socket === undefined ? [`${scheme}://${address}`] : ['--unix-socket', socket, 'http://localhost']
  const ask = [...prefix, 'curl', '-sS', '--fail', '--noproxy', '*', ...curl, ...place]
  return {
    address,
    running,
    async captures() {
      return JSON.parse(await must(...ask.slice(0, -1), `${ask.at(-1)}/v1/captures`)).captures
    },
    close: () => end(running.child, 'SIGTERM'),
  }
}
