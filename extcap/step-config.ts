/**
 * `--extcap-config`: the arguments of an interface. The selector of targets comes filled, so that a stored choice stays
 * chosen when the dialog opens; its first entry is empty, so that a vanished target never silently becomes another.
 */
import type { InterfaceArgument } from './interfaces.ts'
import { localArguments, localInterface } from './interfaces.ts'
import { sentence } from './sentence.ts'
import type { StepContext } from './step.ts'
import { requireInterface } from './step-dlts.ts'
import { everyInterface, targetValues } from './step-reload.ts'

export async function printConfig(nif: string, { log, write }: StepContext): Promise<void> {
  requireInterface(nif)
  if (nif !== localInterface) return
  const targets = await targetValues({}).catch(error => {
    log.warning(`no targets are listed: ${error}`)
    return ''
  })
  write(localArguments.map(argument => argumentSentence(argument) + selectorValues(argument, targets)).join(''))
}

function argumentSentence({ call, ...attributes }: InterfaceArgument): string {
  const { number, display, type, ...rest } = attributes
  return sentence('arg', { number, call: `--${call}`, display, type, ...rest })
}

function selectorValues({ number, type, call }: InterfaceArgument, targets: string): string {
  if (type !== 'selector') return ''
  if (call === 'target') return targets
  return everyInterface(number)
}
