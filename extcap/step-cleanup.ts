/** `--extcap-cleanup-postkill`: Wireshark had to kill us; end what may have been left behind. */
import type { StepContext } from './step.ts'

/** Ends captures whose remora no longer lives; tells the log alone. */
export async function cleanUp({ log }: StepContext): Promise<void> {
  const { cleanUpOrphans } = await import('../src/capture/cleanup.ts')
  for (const line of cleanUpOrphans()) log.warning(line)
}
