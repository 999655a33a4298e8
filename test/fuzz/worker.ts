/** A worker of `npm run fuzz`: does one job after the other, until there is none. */
import { parentPort, workerData } from 'node:worker_threads'
import fc from 'fast-check'
import { removeScratch } from '../helpers/scratch.ts'
import type { FuzzJob, FuzzResult } from './fuzz.ts'
import { progress } from './target.ts'
import { fuzzTargets } from './targets.ts'

/** Cases begun in the job, for whoever watches. */
const begun = workerData as Int32Array
progress.begin = () => {
  Atomics.add(begun, 0, 1)
}

parentPort?.on('message', async (job: FuzzJob | undefined) => {
  if (job !== undefined) return parentPort?.postMessage(await run(job))
  for (const { close } of fuzzTargets) close?.()
  removeScratch()
  parentPort?.close()
})

async function run({ target: name, cases, seed }: FuzzJob): Promise<FuzzResult> {
  const target = fuzzTargets.find(one => one.name === name)
  if (target === undefined) throw new Error(`no target ${name}`)
  Atomics.store(begun, 0, 0)
  const started = performance.now()
  const found = await fc.check(target.property, { numRuns: cases, seed })
  const milliseconds = performance.now() - started
  const failure = found.failed ? `${fc.defaultReportMessage(found)}`.slice(0, 6_000) : undefined
  return { cases: found.numRuns, milliseconds, failure }
}
