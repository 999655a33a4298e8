/** `--extcap-dlts`: for people only; what the stream says of each interface is what counts. */
import { RemoraError } from '../src/base/errors.ts'
import { containerInterfacePrefix, stableInterfaces } from './interfaces.ts'
import { sentence } from './sentence.ts'
import type { StepContext } from './step.ts'

/**
 * Prints the link type of an interface.
 * @throws RemoraError USAGE for an interface that is none of ours
 */
export function printDlts(nif: string, { write }: StepContext): void {
  requireInterface(nif)
  write(sentence('dlt', { number: 1, name: 'EN10MB', display: 'Ethernet' }))
}

/**
 * Refuses what is none of ours.
 * @throws RemoraError USAGE
 */
export function requireInterface(nif: string): void {
  if (Object.hasOwn(stableInterfaces, nif) || nif.startsWith(containerInterfacePrefix)) return
  throw new RemoraError('USAGE', `remora has no interface "${nif}"`)
}
