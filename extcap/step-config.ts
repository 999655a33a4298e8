/**
 * `--extcap-config`: the arguments of an interface. The selector of this host's targets comes filled, so that a stored
 * choice stays chosen when the dialog opens; its first entry is empty, so that a vanished target never silently becomes
 * another. What a service elsewhere has is asked for only when the user reloads it.
 */
import type { InterfaceArgument } from '../src/capture/request/option.ts'
import { dialogOptions } from './arguments.ts'
import { stableInterfaces } from './interfaces.ts'
import { sentence } from './sentence.ts'
import type { StepContext } from './step.ts'
import { requireInterface } from './step-dlts.ts'
import { everyInterface, targetValues } from './step-reload.ts'

/**
 * Prints the sentences of an interface, its selectors filled.
 * @throws RemoraError USAGE for an interface that is none of ours
 */
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
  if (type === 'multicheck') return choices(targets, number)
  if (type !== 'selector') return ''
  if (call === 'target') return targets
  if (call === 'interface') return everyInterface(number)
  const offered = dialogOptions.get(call)?.choices
  if (offered !== undefined) {
    return offered.map((choice, at) => sentence('value', { arg: number, ...choice, default: at === 0 })).join('')
  }
  const first =
    call === 'nif' ? { value: 'any', display: 'all' } : { value: '', display: 'Reload to see what there is' }
  return sentence('value', { arg: number, ...first, default: true })
}

/** The targets of the selector, as boxes to tick: all but the first, which stands for nothing chosen. */
function choices(targets: string, number: number): string {
  return targets
    .split('\n')
    .slice(1)
    .map(line => line && `${line.replace(/\{arg=\d+\}/, `{arg=${number}}`)}{enabled=true}\n`)
    .join('')
}
