/**
 * A soak: captures of every kind come and go over namespaces and containers that come and go, beside one service and one
 * watch that stay; what those two hold is sampled, and at the end it must be what it was at the start.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { findEngines } from '../../src/engine/engines.ts'
import { end, run, sleep, until } from '../helpers/command.ts'
import type { Docker } from '../helpers/docker.ts'
import { processesWith } from '../helpers/leaks.ts'
import { type Random, randomFrom } from '../helpers/random.ts'
import { environment, executable } from '../helpers/remora.ts'
import { scratch } from '../helpers/scratch.ts'
import { captures, type ServiceUnderTest, serve } from '../helpers/service.ts'
import { kinds, renew, type Surroundings } from './captures.ts'
import { judge, look, type Measure, type Measured, type Verdict, type Watched } from './measure.ts'
import type { Sample } from './slope.ts'

export interface SoakOptions {
  readonly seconds: number
  readonly seed: number
  /** Containers of this engine come and go too. */
  readonly docker?: Docker
  /** Told now and then. */
  readonly onProgress?: (line: string) => void
}

export interface SoakReport {
  readonly captures: Readonly<Record<string, number>>
  readonly seconds: number
  /** By the name of the process. */
  readonly verdicts: readonly (Verdict & { readonly process: string })[]
  /** What must not have happened. */
  readonly failures: readonly string[]
}

/** Captures at once, and namespaces. */
const atOnce = 4
const namespaces = 5
/** Milliseconds between two samples. */
const interval = 2_000
/** Part of the time after which what is opened once and kept is open, and the memory is warm. */
const warmUp = 0.3

/** Milliseconds that a soak of so many seconds takes at most: it begins first, and waits in the end until all is idle. */
export const deadlineOf = (seconds: number) => seconds * 1_000 + 600_000

/** What must not be more than before. */
const exact: readonly Measure[] = ['descriptors', 'processes', 'files']
/** Descriptors for the conversation with an engine; those of others on this machine come and go, too. */
const perEngine = 3
const engines = () => findEngines(environment()).length

/** Soaks; needs root. */
export async function soak({ seconds, seed, docker, onProgress }: SoakOptions): Promise<SoakReport> {
  const id = randomBytes(3).toString('hex')
  const names = Array.from({ length: namespaces }, (_, at) => `soak-${id}-${at}`)
  const containers = docker === undefined ? [] : ['soak-one', 'soak-two']
  const env = { DOCKER_HOST: docker?.env.DOCKER_HOST ?? 'unix:///nonexistent' }
  const service = await serve(['--log-level', 'debug'], { env, deadline: deadlineOf(seconds) })
  const watch = startWatch(env)
  const watched: readonly Watched[] = [{ name: 'serve', pid: service.pid, folder: service.folder }, watch]
  const targets = [...names.map(name => `named:${name}`), ...containers.map(name => `docker:${name}`)]
  const around: Surroundings = { url: service.url, folder: scratch(), env, targets }
  const failures: string[] = []
  const counts: Record<string, number> = Object.fromEntries(Object.keys(kinds).map(kind => [kind, 0]))
  const total = () => Object.values(counts).reduce((sum, count) => sum + count, 0)
  let stopping = false
  const forever = async (number: number, act: (random: Random) => Promise<void>) => {
    const random = randomFrom(seed * 1_000 + number)
    while (!stopping) await act(random).catch(error => failures.push(String(error.stack ?? error)))
  }
  const one = async (random: Random) => {
    const kind = random.pick(Object.keys(kinds))
    const failure = await kinds[kind]?.(around, random)
    if (failure !== undefined) failures.push(failure)
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  try {
    await idle(service)
    // What is opened once and kept is open after that.
    const first = randomFrom(seed)
    for (const kind of Object.values(kinds)) await kind(around, first)
    await idle(service)
    const before = watched.map(look)
    const enginesBefore = engines()
    const started = performance.now()
    const samples: Taken[] = []
    const actors = [
      ...Array.from({ length: atOnce }, (_, at) => forever(at, one)),
      forever(100, random => renew(random.pick(names), random)),
      ...(docker === undefined ? [] : [forever(101, random => renewContainer(docker, random.pick(containers)))]),
    ]
    while (performance.now() - started < seconds * 1_000 && failures.length === 0) {
      await sleep(interval)
      failures.push(...(await stuck(service)))
      samples.push(await sample(service, watched, (performance.now() - started) / 1_000, total()))
      if (samples.length % 15 === 0) onProgress?.(`${Math.round(samples.at(-1)?.seconds ?? 0)} s: ${total()} captures`)
    }
    stopping = true
    await Promise.race([Promise.all(actors), sleep(2 * longestCapture)])
    for (const name of names) await run(['ip', 'netns', 'del', name])
    await docker?.removeAll()
    failures.push(...(await settled(service, watched, before, enginesBefore)))
    const faults = service.log().filter(({ level, end }) => level === 50 || end === 'BUG')
    failures.push(...faults.map(line => `the service says ${JSON.stringify(line)}`))
    return {
      captures: counts,
      seconds: Math.round(samples.at(-1)?.seconds ?? 0),
      verdicts: verdictsOf(samples, watched),
      failures,
    }
  } catch (error) {
    throw new Error(`the soak broke off, seed ${seed}: ${await lastWords(service)}`, { cause: error })
  } finally {
    stopping = true
    await end(watch.child, 'SIGINT')
    await service.close()
    for (const name of names) await run(['ip', 'netns', 'del', name])
  }
}

function startWatch(env: NodeJS.ProcessEnv) {
  const folder = scratch()
  const child = spawn(executable, ['list', '--watch', '--json'], {
    env: environment({ TMPDIR: folder, ...env }),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child.stdout.resume()
  return { name: 'watch', pid: child.pid ?? 0, folder, child }
}

async function renewContainer(docker: Docker, name: string): Promise<void> {
  await run(['docker', 'rm', '-f', name], { env: docker.env })
  await docker.container(name)
  await sleep(1_500)
}

interface Taken {
  readonly seconds: number
  /** Captures that have ended. */
  readonly captures: number
  readonly measured: readonly Measured[]
}

async function sample(
  service: ServiceUnderTest,
  watched: readonly Watched[],
  seconds: number,
  captures: number,
): Promise<Taken> {
  const [first, ...others] = watched.map(look)
  return { seconds, captures, measured: [{ ...first, ...(await told(service)) }, ...others] }
}

/** What the service says itself. */
async function told(service: ServiceUnderTest): Promise<{ captures: number; tickets: number }> {
  const text = await (await service.get('/metrics')).text()
  const value = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
  return { captures: value('remora_captures_running'), tickets: value('remora_tickets_waiting') }
}

/** Milliseconds after which a capture of any kind here has ended, or never does. */
const longestCapture = 45_000

/** Captures that ought to have ended, with what the service says of them. */
async function stuck(service: ServiceUnderTest): Promise<string[]> {
  const since = Date.now() - longestCapture
  const old = (await captures(service)).filter(capture => Date.parse(capture.since) < since)
  return old.map(capture => {
    const said = service.log().map(line => JSON.stringify(line))
    return [
      `a capture does not end: ${JSON.stringify(capture)}`,
      ...said.filter(line => line.includes(capture.id)),
    ].join('\n')
  })
}

/** Whether the service still runs, and what it said last. */
async function lastWords({ running: { result, stderr } }: ServiceUnderTest): Promise<string> {
  // Its connections break a moment before its end is known.
  const ended = await Promise.race([result, sleep(1_000)])
  const state = ended === undefined ? 'runs' : `has ended with ${ended.status ?? ended.signal}`
  return `the service ${state}\n${stderr().slice(-2_000)}`
}

/** Waits until no capture runs. */
async function idle(service: ServiceUnderTest): Promise<void> {
  await until(
    'the service is idle',
    async () => {
      await sleep(500)
      return (await told(service)).captures === 0 && service.children().length === 0
    },
    60_000,
  )
}

/** What is more than before, though everything has ended. */
async function settled(
  service: ServiceUnderTest,
  watched: readonly Watched[],
  before: readonly Measured[],
  enginesBefore: number,
): Promise<string[]> {
  await idle(service)
  const more = () => {
    const forEngines = perEngine * Math.max(0, engines() - enginesBefore)
    return watched.flatMap((one, at) => {
      const now = look(one)
      return exact.flatMap(measure => {
        const [first = 0, last = 0] = [before[at]?.[measure], now[measure]]
        return last <= first + (measure === 'descriptors' ? forEngines : 0)
          ? []
          : `${one.name}: ${first} ${measure} became ${last}`
      })
    })
  }
  await until('all is as before', () => more().length === 0, 30_000).catch(() => {})
  const left = processesWith('capture named:soak-').map(pid => `process ${pid} is left`)
  return [...more(), ...left]
}

function verdictsOf(samples: readonly Taken[], watched: readonly Watched[]): SoakReport['verdicts'] {
  const warm = samples.slice(Math.ceil(samples.length * warmUp))
  const captures = (warm.at(-1)?.captures ?? 0) - (warm[0]?.captures ?? 0)
  return watched.flatMap(({ name }, at) =>
    (Object.keys(warm[0]?.measured[at] ?? {}) as Measure[]).map(measure => {
      const series = warm.map(
        ({ seconds, measured }): Sample => ({ seconds, value: measured[at]?.[measure] ?? Number.NaN }),
      )
      return { process: name, ...judge(measure, series, captures) }
    }),
  )
}
