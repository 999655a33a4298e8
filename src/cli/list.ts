/** `remora list`: what can be captured, as a table for people or as JSON with the fields of a Packetflix target. */
import { RemoraError } from '../base/errors.ts'
import { printable, printableJson } from '../base/write.ts'
import { chooseHost, type HostOptions } from '../host/choose.ts'
import { containerEngines, containerStates, otherTypes, type Target } from '../model/target.ts'
import { targetJson } from '../protocol/v1/target-json.ts'
import { qualifiedName } from '../reference/grammar/containers.ts'
import { targetTable } from './render/targets.ts'
import { print, warn } from './render/terminal.ts'

interface ListOptions extends HostOptions {
  readonly type?: string
  readonly engine?: string
  readonly state?: string
  readonly json?: boolean
  readonly format?: string
  readonly wide?: boolean
  readonly watch?: boolean
}

/** Prints the targets that match all that was asked for. */
export async function list(patterns: readonly string[], options: ListOptions): Promise<void> {
  const types = parseChoice(options.type, [...containerEngines, ...otherTypes], 'target is of the type')
  const engines = parseChoice(options.engine, containerEngines, 'container is of the engine')
  const states = parseChoice(options.state, containerStates, 'container is listed in the state', withoutNetwork)
  const filters = patterns.map(namePattern)
  const isWanted = (target: Target) =>
    (types.length === 0 || types.includes(target.type)) &&
    (engines.length === 0 || enginesOf(target).some(engine => engines.includes(engine))) &&
    (states.length === 0 || statesOf(target).some(state => states.includes(state))) &&
    (filters.length === 0 || filters.some(filter => filter.test(qualifiedName(target))))
  const host = await chooseHost(options)
  if (options.host !== undefined && options.format !== undefined) {
    throw new RemoraError('USAGE', '--format tells of this host only', {
      hint: 'GET /mobyshark and /json of the service tell the same.',
    })
  }
  if (options.format !== undefined) return (await import('./list-format.ts')).listFormat(options.format, isWanted)
  if (options.watch) return (await import('./watch.ts')).watch(host, isWanted, options.json ?? false)
  const { signal } = new AbortController()
  const { targets, warnings } = await host.list({ signal, thorough: true })
  const chosen = targets.filter(isWanted)
  if (options.json) print(`${printableJson(chosen.map(targetJson), 2)}\n`)
  else print(targetTable(chosen, options.wide ?? false))
  for (const warning of warnings) warn(`warning: ${printable(warning)}\n`)
  if (chosen.length === 0 && patterns.length > 0) {
    throw new RemoraError('TARGET_NOT_FOUND', `nothing matches ${patterns.join(', ')}`, {
      hint: 'remora list without a pattern shows everything.',
    })
  }
}

/** Engines a target is of: that of the container, or those of a pod's. */
function enginesOf({ container, members = [] }: Target): string[] {
  return container === undefined ? members.map(({ engine }) => engine) : [container.engine]
}

/** States of the container of a target, or of those of a pod. */
function statesOf({ container, members = [] }: Target): string[] {
  return container === undefined ? members.map(({ state }) => state) : [container.state]
}

/** Why a container may have a state that is no choice. */
const withoutNetwork = ': what does not run has no network. capture --wait waits for it'

/**
 * Reads values that are separated by commas.
 * @throws RemoraError USAGE for one that no target has
 */
function parseChoice<T extends string>(
  text: string | undefined,
  known: readonly T[],
  what: string,
  reason = '',
): string[] {
  const values = (text ?? '').split(',').filter(value => value !== '')
  const unknown = values.find(value => !known.some(one => one === value))
  if (unknown === undefined) return values
  throw new RemoraError('USAGE', `no ${what} ${JSON.stringify(unknown)}`, {
    hint: `Use ${known.slice(0, -1).join(', ')} or ${known.at(-1)}${reason}.`,
  })
}

/** A part of a name; with `*` or `?` the whole name. Case does not matter. */
function namePattern(text: string): RegExp {
  const escaped = text.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  if (!/[*?]/.test(text)) return new RegExp(escaped, 'i')
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'is')
}
