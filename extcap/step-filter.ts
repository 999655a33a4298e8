/**
 * `--extcap-capture-filter` without `--capture`: one process a keystroke in Wireshark's filter box. Silence means the
 * filter is good, a line says what is wrong with it, a failure that it cannot be told.
 */
import { RemoraError } from '../src/base/errors.ts'
import type { StepContext } from './step.ts'

/**
 * Prints what is wrong with a capture filter, one line; nothing for a good one.
 * @throws RemoraError when that cannot be found out
 */
export async function printFilterCheck(filter: string, { write }: StepContext): Promise<void> {
  if (filter === '') return
  const { compileFilter } = await import('../src/capture/check-filter.ts')
  try {
    await compileFilter(filter, AbortSignal.timeout(2_000))
  } catch (error) {
    if (!(error instanceof RemoraError) || error.code !== 'FILTER_INVALID') throw error
    write(`${error.message}\n`)
  }
}
