/**
 * `--extcap-reload-option`: fresh values for a selector. Prints nothing when it fails, which keeps the old list.
 */
import { RemoraError } from '../src/base/errors.ts'
import { usualHost } from '../src/host/choose.ts'
import { qualifiedName } from '../src/reference/grammar/containers.ts'
import { type ArgumentValues, textValue } from './argv.ts'
import { dockerHostInterface, localInterface, stableInterfaces } from './interfaces.ts'
import { kinds } from './kinds.ts'
import { sentence } from './sentence.ts'
import { listTimeout, type StepContext } from './step.ts'
import { requireInterface } from './step-dlts.ts'

/**
 * Prints fresh value sentences for a selector.
 * @param option call of the argument, without dashes
 * @param values arguments of the dialog as they are at the moment
 * @throws RemoraError USAGE for an option that has no values, else as a listing does
 */
export async function printReload(
  nif: string,
  option: string,
  values: ArgumentValues,
  { write }: StepContext,
): Promise<void> {
  requireInterface(nif)
  if (nif === dockerHostInterface)
    return write(await (await import('./reload-service.ts')).serviceValues(option, values))
  if (option === 'target') return write(await targetValues(values))
  if (option === 'interface') return write(await interfaceValues(values))
  throw new RemoraError('USAGE', `"${option}" cannot be reloaded`)
}

/** Values of the target selector: this host, then what the flags and `match` let through. */
export async function targetValues(values: ArgumentValues): Promise<string> {
  const ticked = Object.keys(kinds).filter(flag => values[flag] === true)
  const types = (ticked.length > 0 ? ticked : Object.keys(kinds)).flatMap(flag => kinds[flag] ?? [])
  const match = textValue(values, 'match').toLowerCase()
  const { signal } = new AbortController()
  const { targets } = await (await usualHost()).list({ signal, engineTimeoutMs: listTimeout, thorough: false })
  const arg = argumentNumber('target')
  return [
    sentence('value', { arg, value: '', display: 'This host', default: true }),
    ...targets
      .filter(({ type, name }) => types.includes(type) && name.toLowerCase().includes(match))
      .map(target => {
        const { type, container, reference } = target
        const details = container === undefined ? type : [type, container.image].filter(Boolean).join(', ')
        return sentence('value', { arg, value: reference, display: `${qualifiedName(target)} (${details})` })
      }),
  ].join('')
}

/** First value of the interface selector. */
export function everyInterface(arg: number): string {
  return sentence('value', { arg, value: '', display: 'All that are up', default: true })
}

/** Values of the interface selector, for the target that is chosen at the moment. */
async function interfaceValues(values: ArgumentValues): Promise<string> {
  const reference = textValue(values, 'reference') || textValue(values, 'target') || 'host'
  const names = await (await usualHost()).interfaces(reference, AbortSignal.timeout(2_000))
  const arg = argumentNumber('interface')
  return [
    everyInterface(arg),
    ...names.map(name => sentence('value', { arg, value: name, display: name })),
    sentence('value', { arg, value: 'any', display: 'any (cooked: all in one, also later ones)' }),
  ].join('')
}

function argumentNumber(call: string): number {
  return stableInterfaces[localInterface]?.arguments.find(argument => argument.call === call)?.number ?? 0
}
