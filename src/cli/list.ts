/** `remora list`: what can be captured, as a table for people or as JSON with the fields of a Packetflix target. */
import { RemoraError } from '../base/errors.ts'
import { printable } from '../base/write.ts'
import { discover } from '../discover/discover.ts'
import { qualifiedName } from '../target/match.ts'
import { type Target, targetJson } from '../target/model.ts'
import { renderTable } from './render/table.ts'
import { print, warn } from './render/terminal.ts'

interface ListOptions {
  readonly type?: string
  readonly engine?: string
  readonly json?: boolean
  readonly wide?: boolean
}

/** Milliseconds an engine has to answer. */
const engineTimeout = 2_000

/** Prints the targets that match all that was asked for. */
export async function list(patterns: readonly string[], options: ListOptions): Promise<void> {
  const types = split(options.type)
  const engines = split(options.engine)
  const filters = patterns.map(namePattern)
  const { targets, warnings } = await discover({
    signal: new AbortController().signal,
    timeout: engineTimeout,
    interfaces: true,
  })
  const chosen = targets
    .filter(({ type }) => types.length === 0 || types.includes(type))
    .filter(({ container }) => engines.length === 0 || (container !== undefined && engines.includes(container.engine)))
    .filter(target => filters.length === 0 || filters.some(filter => filter.test(qualifiedName(target))))
  if (options.json) print(`${JSON.stringify(chosen.map(targetJson), null, 2)}\n`)
  else print(renderTable(...(options.wide ? wideTable(chosen) : shortTable(chosen))))
  for (const warning of warnings) warn(`warning: ${printable(warning)}\n`)
  if (chosen.length === 0 && patterns.length > 0) {
    throw new RemoraError('TARGET_NOT_FOUND', `nothing on this host matches ${patterns.join(', ')}`, {
      hint: 'remora list without a pattern shows everything.',
    })
  }
}

type Table = [heading: string[], rows: string[][]]

function shortTable(targets: readonly Target[]): Table {
  const heading = ['NAME', 'TYPE', 'STATE', 'INTERFACES', 'ADDRESSES']
  const row = (target: Target) => [
    qualifiedName(target),
    target.type,
    target.container?.state ?? '',
    target.interfaces.join(' '),
    target.addresses.join(' '),
  ]
  return [heading, targets.map(row)]
}

function wideTable(targets: readonly Target[]): Table {
  const [heading, rows] = shortTable(targets)
  const extra = ({ container, pid, netns, reference }: Target) => [
    container?.image ?? '',
    pid > 0 ? String(pid) : '',
    netns > 0 ? String(netns) : '',
    reference,
  ]
  return [
    [...heading, 'IMAGE', 'PID', 'NETNS', 'REFERENCE'],
    targets.map((target, index) => [...(rows[index] ?? []), ...extra(target)]),
  ]
}

/** A part of a name; with `*` or `?` the whole name. Case does not matter. */
function namePattern(text: string): RegExp {
  const escaped = text.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  if (!/[*?]/.test(text)) return new RegExp(escaped, 'i')
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'is')
}

function split(text: string | undefined): string[] {
  return (text ?? '').split(',').filter(part => part !== '')
}
