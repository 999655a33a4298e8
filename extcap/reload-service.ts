/**
 * Fresh values for the selectors of `mobyshark`: what a service elsewhere has. A failure is shown as the one entry of the
 * list, since Wireshark has no other place for it.
 */
import { RemoraError, toRemoraError } from '../src/base/errors.ts'
import type { Target, TargetType } from '../src/model/target.ts'
import { stockTargetJson } from '../src/protocol/packetflix/target.ts'
import { qualifiedName } from '../src/reference/grammar/containers.ts'
import { type ArgumentValues, textValue } from './argv.ts'
import { dockerHostInterface, stableInterfaces } from './interfaces.ts'
import { kinds } from './kinds.ts'
import { sentence } from './sentence.ts'
import { chosenTarget, hostOf } from './service-arguments.ts'

/** Milliseconds the dialog waits: a Ghostwire takes 11 s where it meets an engine that does not answer; its own clients give it 30 s. */
const reloadTimeoutMs = 30_000

/**
 * Value sentences for a selector: the targets of the service, or the interfaces of the one that is chosen.
 * @param values arguments of the dialog as they are at the moment
 * @throws RemoraError USAGE for an option that has no values
 */
export async function serviceValues(option: string, values: ArgumentValues): Promise<string> {
  const arg = stableInterfaces[dockerHostInterface]?.arguments.find(({ call }) => call === option)?.number ?? 0
  if (option === 'container') return containerValues(arg, values)
  if (option === 'nif') return interfaceValues(arg, values)
  throw new RemoraError('USAGE', `"${option}" cannot be reloaded`)
}

async function containerValues(arg: number, values: ArgumentValues): Promise<string> {
  try {
    const host = hostOf(values, textValue(values, 'dockerhosturl'))
    const { targets } = await host.list({ signal: AbortSignal.timeout(reloadTimeoutMs), thorough: true })
    const wanted = shownTypes(values)
    const shown = targets.filter(({ type }) => wanted.includes(type))
    const first = shown.length === 0 ? `Nothing of these kinds there (${targets.length} others)` : 'Choose one'
    return [
      sentence('value', { arg, value: '', display: first, default: true }),
      ...shown.map(target =>
        sentence('value', { arg, value: encodeURIComponent(stockJson(target)), display: displayOf(target) }),
      ),
    ].join('')
  } catch (error) {
    return sentence('value', { arg, value: '', display: toRemoraError(error).message, default: true })
  }
}

/** The host itself counts as a process, as Ghostwire has it. */
function shownTypes(values: ArgumentValues): TargetType[] {
  const ticked = Object.keys(kinds).filter(flag => values[flag] === true)
  const types = (ticked.length > 0 ? ticked : ['showcontainers']).flatMap(flag => kinds[flag] ?? [])
  return types.includes('proc') ? [...types, 'host'] : types
}

function displayOf(target: Target): string {
  return `${qualifiedName(target).replace(/\/(?=[^/]*$)/, ':')} (${target.type})`
}

function stockJson({ name, type, prefix, netns, pid, startTime, interfaces }: Target): string {
  return stockTargetJson({
    name: type === 'host' ? `host(1)` : name,
    type: type === 'host' ? 'proc' : type,
    prefix,
    netns,
    pid,
    starttime: startTime,
    'network-interfaces': [...interfaces],
    'node-name': '',
    cluster: null,
  })
}

/** The interfaces that are in the description of the target: they were there when it was listed. */
function interfaceValues(arg: number, values: ArgumentValues): string {
  const names = chosenTarget(textValue(values, 'container'))?.['network-interfaces'] ?? []
  return [
    sentence('value', { arg, value: 'any', display: 'all', default: true }),
    ...names.map(name => sentence('value', { arg, value: name, display: name })),
  ].join('')
}
