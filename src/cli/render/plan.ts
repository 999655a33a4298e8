/** What a capture would be, for people (`remora capture --dry-run`). */
import { printable } from '../../base/write.ts'
import type { CapturePreview, PreviewedInterface } from '../../capture/preview.ts'
import { renderTable } from './table.ts'

/** Interfaces and instructions that are shown: a host may have thousands. */
const mostInterfaces = 40
const mostInstructions = 40

function routeText({ route, reasons }: CapturePreview): string {
  if (route === 'direct') return 'direct: dumpcap writes the packets itself'
  return `woven: packets go through remora (${reasons.join(', ')})`
}

function annotationsText({ direction, correlation, names }: CapturePreview['annotations']): string | undefined {
  const all = { direction, 'numbers of packets seen at both ends': correlation, 'names of addresses': names }
  const present = Object.entries(all).flatMap(([name, has]) => (has ? [name] : []))
  return present.length === 0 ? undefined : present.join(', ')
}

function keysText({ fromTargets, files }: NonNullable<CapturePreview['keys']>): string {
  return [...(fromTargets ? ["of the targets' processes (SSLKEYLOGFILE)"] : []), ...files].join(', ')
}

/** Renders the preview of one target, several lines. */
export function renderPlan(preview: CapturePreview): string {
  const { reference, netns, hostNetwork, filter, excluding, snaplen, promiscuous, bufferSize, keys } = preview
  const stops = preview.stopConditions
  const captured = preview.interfaces.filter(nif => nif.captured)
  const fields: [string, string | undefined][] = [
    ['target', `${reference} (network namespace ${netns})`],
    ['network', hostNetwork ? 'that of the host, with everything else on it' : undefined],
    ['route', routeText(preview)],
    ['filter', filter === '' ? 'none' : filter],
    ['annotations', annotationsText(preview.annotations)],
    ['TLS keys', keys && keysText(keys)],
    ['left out', excluding === '' ? undefined : `the connection that carries the capture: ${excluding}`],
    ...preview.notes.map((note): [string, string] => ['note', note]),
    ['snaplen', snaplen === undefined ? undefined : `${snaplen} bytes of each packet`],
    ['promiscuous', promiscuous ? 'yes' : 'no'],
    ['buffer', `${bufferSize} MiB an interface`],
    ['stops', stops.length === 0 ? 'when asked to' : stops.join(', ')],
    ['expected', expected(captured)],
  ]
  const lines = fields.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name.padEnd(11)} ${printable(value)}\n`],
  )
  return `${lines.join('')}\n${renderInterfaces(preview.interfaces)}${renderPrograms(captured)}`
}

/** Renders a plan of which only the whole is told: which fields it has is up to the host. */
export function renderFields(plan: object): string {
  const textOf = (value: unknown): string => {
    if (Array.isArray(value)) return value.map(textOf).join(', ') || 'none'
    return typeof value === 'string' ? value || 'none' : JSON.stringify(value)
  }
  const fields = Object.entries(plan).filter(([, value]) => value !== undefined)
  return fields.map(([name, value]) => `${printable(name.padEnd(11))} ${printable(textOf(value))}\n`).join('')
}

/** What will come, if it goes on as it does now; a filter takes some of it away. */
function expected(captured: readonly PreviewedInterface[]): string | undefined {
  const rates = captured.flatMap(({ rate }) => rate ?? [])
  if (rates.length < captured.length) return undefined
  const [packets, bytes] = (['packets', 'bytes'] as const).map(key => rates.reduce((sum, rate) => sum + rate[key], 0))
  const before = captured.some(({ filter }) => filter !== '') ? ', before the filter' : ''
  return `${number(packets)} packets/s, ${number(bytes)} bytes/s, as it is now${before}`
}

function renderInterfaces(interfaces: readonly PreviewedInterface[]): string {
  const rows = interfaces
    .slice(0, mostInterfaces)
    .map(nif => [
      nif.name,
      nif.captured ? 'yes' : 'no',
      state(nif),
      number(nif.rate?.packets),
      number(nif.rate?.bytes),
      nif.addresses.join(', '),
    ])
  const more = interfaces.length - mostInterfaces
  const table = renderTable(['INTERFACE', 'CAPTURED', 'LINK', 'PACKETS/S', 'BYTES/S', 'ADDRESSES'], rows)
  return more > 0 ? `${table}… and ${more} more\n` : table
}

function state({ up, operstate, name }: PreviewedInterface): string {
  if (!up) return 'down'
  return name === 'any' || ['UP', 'UNKNOWN'].includes(operstate) ? 'up' : 'no carrier'
}

/** Each program once, with the interfaces it is for. */
function renderPrograms(captured: readonly PreviewedInterface[]): string {
  const programs = new Map<string, string[]>()
  for (const { name, program } of captured) {
    if (program !== '') programs.set(program, [...(programs.get(program) ?? []), name])
  }
  return [...programs].map(([program, names]) => renderProgram(program.split('\n'), names)).join('')
}

function renderProgram(instructions: readonly string[], names: readonly string[]): string {
  const more = instructions.length - mostInstructions
  const shown = more > 0 ? [...instructions.slice(0, mostInstructions), `… and ${more} more`] : instructions
  const shownNames = names.length > 8 ? [...names.slice(0, 8), `${names.length - 8} more`] : names
  const title = printable(`filter program of ${shownNames.join(', ')}`)
  return `\n${title}\n${shown.map(line => `  ${printable(line)}\n`).join('')}`
}

function number(value: number | undefined): string {
  return value === undefined ? '?' : value.toLocaleString('en')
}
