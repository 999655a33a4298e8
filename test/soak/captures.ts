/** One capture, of any kind, to whatever end: what a soak does over and over. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { run, sleep, start } from '../helpers/command.ts'
import type { Random } from '../helpers/random.ts'
import { environment, executable } from '../helpers/remora.ts'
import { stockCapture } from '../helpers/stock-client.ts'

export interface Surroundings {
  /** `http://host:port` of the service. */
  readonly url: string
  /** For the files that are written. */
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  /** References that may mean something at the moment. */
  readonly targets: readonly string[]
}

/** Exit status of `BUG`. */
const bug = 70

/** Ways to go: by itself, asked to, or killed; a signal comes after up to so many milliseconds. */
const ends = ['itself', 'itself', 'SIGTERM', 'SIGINT', 'SIGKILL'] as const
const latestSignal = 1_200

type Kind = (around: Surroundings, random: Random) => Promise<string | undefined>

const local = (args: (around: Surroundings, random: Random) => string[]): Kind => {
  return (around, random) => capture(args(around, random), around, random)
}

export const kinds: Readonly<Record<string, Kind>> = {
  direct: local(({ targets }, random) => [random.pick(targets)]),
  woven: local(({ targets }, random) => [random.pick(targets), random.pick(targets), '--direction']),
  follow: local(({ targets }, random) => [random.pick(targets), '--follow']),
  wait: local(({ targets }, random) => [random.pick(targets), '--wait=1']),
  nothing: local(() => ['named:soak-never-there', '--wait=0.3']),
  service: local(({ url, targets }, random) => [random.pick(targets), '--host', url]),
  'service, woven': local(({ url, targets }, random) => [random.pick(targets), random.pick(targets), '--host', url]),
  'service, follow': local(({ url, targets }, random) => [random.pick(targets), '--follow', '--host', url]),
  'stock client': stockClient,
  'stock client again': stockClient,
  download,
  ticket: askOnly,
}

/** Runs `remora capture` to its end; what went wrong that must not, if anything did. */
async function capture(
  args: readonly string[],
  { folder, env }: Surroundings,
  random: Random,
): Promise<string | undefined> {
  const file = join(folder, `capture-${random.below(1e9)}.pcapng`)
  const seconds = (1 + random.below(8)) / 10
  const command = [executable, 'capture', ...args, '-w', file, '-a', `duration:${seconds}`]
  const ending = random.pick(ends)
  const log = `${file}.log`
  const running = start(
    command,
    { env: environment({ ...env, REMORA_LOG_FILE: log, REMORA_LOG_LEVEL: 'debug' }) },
    60_000,
  )
  if (ending !== 'itself') {
    await Promise.race([running.result, sleep(random.below(latestSignal))])
    running.child.kill(ending)
  }
  const { status, signal, stderr } = await running.result
  const isKilled = signal === 'SIGKILL' && ending !== 'SIGKILL'
  const isFault = status === bug || isKilled
  const said = isFault && existsSync(log) ? readFileSync(log, 'utf8') : ''
  for (const name of [file, `${file}.partial`, log]) rmSync(name, { force: true })
  return isFault ? `${command.slice(1).join(' ')} ended with ${status ?? signal}: ${stderr}\n${said}` : undefined
}

async function stockClient({ url, targets }: Surroundings, random: Random): Promise<undefined> {
  const name = random.pick(targets).replace(/^\w+:/, '')
  const target = { name: `/run/netns/${name}`, type: 'bindmount', 'network-interfaces': ['lo'] }
  const one = stockCapture({ base: url, target, read: random.below(8) > 0 })
  await Promise.race([one.closed, sleep(random.below(latestSignal))])
  if (random.below(2) === 0) one.destroy()
  else await one.stop().catch(() => {})
}

async function download({ url, targets }: Surroundings, random: Random): Promise<undefined> {
  const { download: address } = await ticket(url, random.pick(targets), 0.3)
  if (address === undefined) return
  const limit = AbortSignal.timeout(50 + random.below(latestSignal))
  await fetch(address, { signal: limit })
    .then(answer => answer.arrayBuffer())
    .catch(() => {})
}

/** Asks for a capture and never comes for it. */
async function askOnly({ url, targets }: Surroundings, random: Random): Promise<undefined> {
  await ticket(url, random.pick(targets), 1)
}

async function ticket(url: string, target: string, duration: number): Promise<{ download?: string }> {
  const answer = await fetch(`${url}/v1/captures`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ target, stop: { duration } }),
  })
  return (await answer.json()) as { download?: string }
}

/** Network namespaces that come and go, each with a few packets in it. */
export async function renew(name: string, random: Random): Promise<void> {
  await run(['ip', 'netns', 'del', name])
  await sleep(random.below(300))
  await run(['ip', 'netns', 'add', name])
  await run(['ip', '-n', name, 'link', 'set', 'lo', 'up'])
  await run(['nsenter', `--net=/run/netns/${name}`, 'ping', '-q', '-c', '3', '-i', '0.05', '127.0.0.1'])
}
