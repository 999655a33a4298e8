/**
 * `npm run fuzz [-- --cases N --seed S --only NAME]`: every target with its share of a million cases, on all cores, in
 * workers with bounded memory; a table of what was done. Ends with 1 when a case failed, and says how to run it again.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { fuzzTargets } from './targets.ts'

/** Part of the cases of one target: a job of one worker, with a seed of its own. */
export interface FuzzJob {
  readonly target: string
  readonly cases: number
  readonly seed: number
}

export interface FuzzResult {
  readonly cases: number
  readonly milliseconds: number
  /** Counterexample, how to get to it, and what was wrong. */
  readonly failure?: string | undefined
}

/** Cases of a job; a worker is asked for the next when it is done. */
const largestJob = 10_000
/** Milliseconds without a new case after which a worker is given up. */
const patience = 20_000
/** MiB of heap of each worker; whatever comes in, nothing needs more. */
const heap = 512

const { values } = parseArgs({
  options: { cases: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string', default: '' } },
})
const chosen = fuzzTargets.filter(({ name }) => name.includes(values.only))
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const share = Number(values.cases ?? 1_000_000) / chosen.reduce((sum, { cases }) => sum + cases, 0)

const jobs = chosen.flatMap(({ name, cases }) =>
  split(name, values.cases || !values.only ? Math.ceil(cases * share) : cases),
)
const results = new Map<string, FuzzResult[]>(chosen.map(({ name }) => [name, []]))
const started = performance.now()
// The slow ones first, so that none is alone at the end.
jobs.reverse()
await Promise.all(Array.from({ length: availableParallelism() }, runJobs))
print()

function split(target: string, cases: number): FuzzJob[] {
  const count = Math.ceil(cases / largestJob)
  return Array.from({ length: count }, (_, at) => ({
    target,
    cases: Math.min(largestJob, cases - at * largestJob),
    seed: seed + at,
  }))
}

/** One worker after the other, as they end; normally the first does all there is to do. */
async function runJobs(): Promise<void> {
  while (jobs.length > 0) await runWorker()
}

function runWorker(): Promise<void> {
  const begun = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: begun,
    resourceLimits: { maxOldGenerationSizeMb: heap },
  })
  let job: FuzzJob | undefined
  let seen = -1
  const give = (failure: string) => {
    if (job !== undefined) results.get(job.target)?.push({ cases: begun[0] ?? 0, milliseconds: 0, failure })
    job = undefined
  }
  const watch = setInterval(() => {
    if (job !== undefined && seen === begun[0]) {
      give(`case ${seen} of seed ${job.seed} does not end`)
      worker.terminate()
    }
    seen = begun[0] ?? 0
  }, patience)
  const next = () => {
    job = jobs.shift()
    worker.postMessage(job)
  }
  worker.on('message', (result: FuzzResult) => {
    if (job !== undefined) results.get(job.target)?.push(result)
    next()
  })
  worker.on('error', error => give(`${error.message} in case ${begun[0]} of seed ${job?.seed}`))
  next()
  return new Promise(resolve =>
    worker.once('exit', () => {
      clearInterval(watch)
      resolve()
    }),
  )
}

function print(): void {
  const lines = chosen.map(({ name }) => {
    const list = results.get(name) ?? []
    const sum = (of: (result: FuzzResult) => number) => list.reduce((total, result) => total + of(result), 0)
    const failed = list.filter(({ failure }) => failure !== undefined).length
    return { name, cases: sum(({ cases }) => cases), seconds: sum(({ milliseconds }) => milliseconds) / 1_000, failed }
  })
  const total = lines.reduce((sum, { cases }) => sum + cases, 0)
  const failures = [...results].flatMap(([name, list]) =>
    list.flatMap(({ failure }) => (failure === undefined ? [] : `${name}: ${failure}`)),
  )
  console.log('| target | cases | seconds | failures |\n|---|---:|---:|---:|')
  for (const { name, cases, seconds, failed } of lines) {
    console.log(`| ${name} | ${cases.toLocaleString('en')} | ${seconds.toFixed(1)} | ${failed} |`)
  }
  const memory = Math.round(process.resourceUsage().maxRSS / 1_024)
  const seconds = ((performance.now() - started) / 1_000).toFixed(0)
  console.log(`\n${total.toLocaleString('en')} cases in ${seconds} s, seed ${seed}, at most ${memory} MiB resident`)
  for (const failure of failures) console.log(`\nFAILED ${failure}`)
  process.exitCode = failures.length > 0 ? 1 : 0
}
