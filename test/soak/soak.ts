/**
 * `npm run soak [-- --minutes M --seed S]`: captures come and go beside a service and a watch that stay; what grows, per
 * hour with its interval of 95 %. Ends with 1 when something does, or is not as before. Needs root, docker and dist/remora.
 */
import { parseArgs } from 'node:util'
import { startDocker } from '../helpers/docker.ts'
import { deadlineOf, type SoakReport, soak } from './run.ts'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } } })
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const seconds = Number(values.minutes) * 60
const docker = await startDocker(deadlineOf(seconds))
try {
  print(await soak({ seconds, seed, docker, onProgress: line => console.error(line) }))
} finally {
  await docker.close()
}

function print({ captures, seconds, verdicts, failures }: SoakReport): void {
  const kinds = Object.entries(captures)
  const total = kinds.reduce((sum, [, count]) => sum + count, 0)
  console.log(
    `${total} captures in ${seconds} s, seed ${seed}: ${kinds.map(([kind, count]) => `${count} ${kind}`).join(', ')}\n`,
  )
  console.log('| process | measure | per hour | interval of 95 % | fails above | |\n|---|---|---:|---:|---:|---|')
  const number = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 0 })
  for (const { process: name, measure, perHour, low, high, limit, grows } of verdicts) {
    const interval = `${number(low)} … ${number(high)}`
    console.log(
      `| ${name} | ${measure} | ${number(perHour)} | ${interval} | ${number(limit)} | ${grows ? 'GROWS' : 'flat'} |`,
    )
  }
  for (const failure of failures) console.log(`\nFAILED ${failure}`)
  process.exitCode = failures.length > 0 || verdicts.some(({ grows }) => grows) ? 1 : 0
}
