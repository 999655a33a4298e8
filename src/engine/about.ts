/** What an engine says of itself. */
import type { About, Engine } from './engine.ts'

/** Asks an engine; what it does not tell, or not in time, is empty. */
export async function askAbout(engine: Engine, signal: AbortSignal): Promise<About> {
  const nothing = { id: '', version: '' }
  try {
    return (await engine.about?.(signal)) ?? nothing
  } catch {
    return nothing
  }
}
