/**
 * `npm run chaos [-- --seed N] [--minutes M] [--only TEXT] [--list]`: captures of every kind, in every phase, with every
 * fault. What is done when follows from the seed, so a case that failed can be done again. Needs root, dockerd, nft,
 * faketime, and a built dist/remora.
 */
import { parseArgs } from 'node:util'
import { type Case, cases, leftOut } from './cases.ts'
import type { Verdict } from './oracle.ts'
import { runAll } from './run.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    list: { type: 'boolean', default: false },
  },
})
const chosen = cases.filter(({ name }) => name.includes(values.only))

if (values.list) {
  for (const { name } of chosen) console.log(name)
  for (const [name, reason] of leftOut) if (name.includes(values.only)) console.log(`left out: ${name}: ${reason}`)
} else await main(Number(values.seed ?? Math.floor(Math.random() * 2 ** 31)), Number(values.minutes) * 60_000)

async function main(seed: number, time: number): Promise<void> {
  console.log(`seed ${seed}, ${chosen.length} cases, ${time / 60_000} minutes`)
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())
  let failed = 0
  const notRun = await runAll(
    chosen,
    seed,
    AbortSignal.any([stop.signal, AbortSignal.timeout(time)]),
    (one, verdict, seconds) => {
      if (verdict.problems.length > 0) failed++
      report(one, verdict, seconds, seed)
    },
  )
  for (const { name } of notRun) console.log(`not run: ${name}`)
  console.log(`${chosen.length - notRun.length - failed} passed, ${failed} failed, ${notRun.length} not run`)
  process.exitCode = failed > 0 || chosen.length === 0 ? 1 : 0
}

function report({ name }: Case, { ending, problems }: Verdict, seconds: number, seed: number): void {
  console.log(`${problems.length === 0 ? 'ok' : 'FAILED'}: ${name}: ${ending} (${seconds.toFixed(1)} s)`)
  for (const problem of problems) console.log(`  ${problem.trim().replaceAll('\n', '\n  ')}`)
  if (problems.length > 0) console.log(`  again: npm run chaos -- --seed ${seed} --only '${name}'`)
}
