/** Runs cases, several at a time: most of a case is waiting. */
import { type Docker, startDocker } from '../helpers/docker.ts'
import { shuffled } from '../helpers/random.ts'
import type { Case } from './cases.ts'
import type { Verdict } from './oracle.ts'
import { drawFrom } from './random.ts'
import { runCase } from './trial.ts'

const lanes = 5

/**
 * Runs cases in the order of the seed. Those with an engine run one after the other, since it is one and is restarted.
 * @param signal no case begins after it has aborted
 * @param onEnd told of each case with what was wrong, and the seconds it took
 * @returns cases that were not run
 */
export async function runAll(
  cases: readonly Case[],
  seed: number,
  signal: AbortSignal,
  onEnd: (one: Case, verdict: Verdict, seconds: number) => void,
): Promise<Case[]> {
  const waiting = shuffled(cases, drawFrom(seed, 'order'))
  let engine: Promise<Docker> | undefined
  let engineInUse = false
  const next = () => {
    if (signal.aborted) return undefined
    const at = waiting.findIndex(({ fault }) => !(fault.needsEngine && engineInUse))
    return at < 0 ? undefined : waiting.splice(at, 1)[0]
  }
  const lane = async () => {
    for (let one = next(); one !== undefined; one = next()) {
      const { needsEngine = false } = one.fault
      engineInUse ||= needsEngine
      const began = performance.now()
      if (needsEngine) engine ??= startDocker()
      const verdict = await runCase(one, seed, needsEngine ? engine : undefined)
      if (needsEngine) engineInUse = false
      onEnd(one, verdict, (performance.now() - began) / 1_000)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  // Whoever needed it has told why it could not be started.
  await engine?.then(
    docker => docker.close(),
    () => {},
  )
  return waiting
}
