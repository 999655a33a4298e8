/** A capture filter on its own, without a target: is it written correctly? */
import { checkFilter } from '../linux/capturing/dumpcap.ts'
import { openProcessNamespace } from '../linux/namespace/netns.ts'

/**
 * Compiles a capture filter for Ethernet, as nearly every interface of a container has it.
 * @throws RemoraError FILTER_INVALID when it does not compile; any other code when that could not be found out
 */
export async function compileFilter(filter: string, signal: AbortSignal): Promise<void> {
  const here = openProcessNamespace(process.pid)
  try {
    await checkFilter(here, filter, [{ name: 'lo' }], signal)
  } finally {
    here.close()
  }
}
