/**
 * `--extcap-config`: the arguments of an interface. The selector of this host's targets comes filled, so that a stored
 * choice stays chosen when the dialog opens; its first entry is empty, so that a vanished target never silently becomes
 * another. What a service elsewhere has is asked for only when the user reloads it.
 */
import { type InterfaceArgument, stableInterfaces } from './interfaces.ts'
import { sentence } from './sentence.ts'
import type { StepContext } from './step.ts'
import { requireInterface } from './step-dlts.ts'
import { everyInterface, targetValues } from './step-reload.ts'

export async function printConfig(nif: string, { log, write }: StepContext): Promise<void> {
  requireInterface(nif)
  const interfaceArguments = stableInterfaces[nif]?.arguments ?? []
  const hasTargets = interfaceArguments.some(({ call }) => call === 'target')
  const targets = !hasTargets
    ? ''
    : await targetValues({}).catch(error => {
        log.warning(`no targets are listed: ${error}`)
        return ''
      })
  write(interfaceArguments.map(argument => argumentSentence(argument) + selectorValues(argument, targets)).join(''))
}

function argumentSentence({ call, ...attributes }: InterfaceArgument): string {
  const { number, display, type, ...rest } = attributes
  return sentence('arg', { number, call: `--${call}`, display, type, ...rest })
}

/** What a selector offers before it is reloaded. */
function selectorValues({ number, type, call }: InterfaceArgument, targets: string): string {
  if (type !== 'selector') return ''
  if (call === 'target') return targets
  if (call === 'interface') return everyInterface(number)
  const first =
    call === 'nif' ? { value: 'any', display: 'all' } : { value: '', display: 'Reload to see what there is' }
  return sentence('value', { arg: number, ...first, default: true })
}
