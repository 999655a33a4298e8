/** The one container engine of a run, started when the first case asks for it. */
import { type Docker, startDocker } from '../helpers/docker.ts'

export interface LazyEngine {
  get(): Promise<Docker>
  close(): Promise<void>
}

export function lazyEngine(): LazyEngine {
  let engine: Promise<Docker> | undefined
  return {
    get: () => (engine ??= startDocker()),
    close: async () => (await engine)?.close(),
  }
}
