/** The program that watches over a container for containerd, and for those that use it: `containerd-shim -namespace NAME -id ID`. */
import { optionValue } from '../linux/process/proc.ts'
import type { Monitor } from './kind.ts'

/** The shim, whichever engine its container is of. */
export const shim: Monitor = { idOptions: ['-id'] }

/** The containerd namespace of Docker's containers. */
export const dockerNamespace = 'moby'

/** The containerd namespace of the container that a shim watches over. */
export function shimNamespace(args: readonly string[]): string | undefined {
  return optionValue(args, ['-namespace'])
}

/** Programs that watch over containers of containerd which are not Docker's. */
export const shimMonitors: Readonly<Record<string, Monitor>> = {
  'containerd-shim': { ...shim, watches: args => shimNamespace(args) !== dockerNamespace },
}
