/** What a capture file tells of itself, for people: the file, its interfaces, what is missing, and its documents. */
import { printable } from '../../base/write.ts'
import type { CaptureSummary, InterfaceSummary, Shortened } from '../../inspect/model.ts'
import { bytes, count, delay } from './quantity.ts'
import { renderTable } from './table.ts'

/** Renders a summary; parts the file says nothing about are left out. */
export function captureInfo(summary: CaptureSummary): string {
  const parts = [
    overview(summary),
    interfaceTable(summary),
    pointTable(summary),
    gapTable(summary),
    commentTable(summary),
    document('Target', summary.target),
    document('Context', summary.context),
    ...summary.sections.flatMap(({ comments }) => comments.map(text => document('Comment', text))),
  ]
  return parts.filter(part => part !== '').join('\n')
}

function overview(summary: CaptureSummary): string {
  const { totals, outOfOrder, sections, moreSections, names, secrets, skipped, cutOff, broken } = summary
  const duration = secondsBetween(totals.first, totals.last)
  const writers = new Set(sections.flatMap(({ application }) => application ?? []))
  const more = moreSections > 0 ? [`${count(moreSections)} more sections`] : []
  const lines: [string, string | undefined][] = [
    ['packets', `${count(totals.packets)}${duration === '' ? '' : ` in ${duration} s`}`],
    ['bytes', `${bytes(totals.originalBytes)}${cutPackets(totals)}`],
    ['first', totals.first],
    ['last', totals.last],
    ['lost', lost(summary) || undefined],
    ['order', outOfOrder > 0 ? `${count(outOfOrder)} packets stand behind later ones` : undefined],
    ['names', names > 0 ? count(names) : undefined],
    ['keys', secrets.blocks > 0 ? `${bytes(secrets.bytes)} of secrets to decrypt with` : undefined],
    ['by', [...writers, ...more].join('; ') || undefined],
    ['skipped', damageText(skipped)],
    ['cut off', cutOff && `in the middle of a block, after ${count(cutOff.bytes)} bytes of it`],
    ['BROKEN', broken && `${broken.reason}; what follows could not be read`],
  ]
  const told = lines.filter(([, text]) => text !== undefined)
  return [
    `${summary.file === '-' ? 'standard input' : printable(summary.file)}\n`,
    ...told.map(([name, text]) => `  ${name.padEnd(9)}${printable(text ?? '')}\n`),
  ].join('')
}

/** What was passed over, by the first of it. */
function damageText({ list: [first], more, list }: CaptureSummary['skipped']): string | undefined {
  if (first === undefined) return undefined
  const others = list.length - 1 + more
  const rest = others > 0 ? `; and ${count(others)} more, which --json tells` : ''
  return `what could not be used: ${first.reason}, at byte ${first.at}${rest}`
}

function cutPackets({ bytes: captured, originalBytes }: CaptureSummary['totals']): string {
  return captured === originalBytes ? '' : `, ${bytes(captured)} of them captured`
}

function lost({ interfaces }: CaptureSummary): string {
  const told = interfaces.filter(({ dropped }) => dropped !== undefined)
  const dropped = told.reduce((sum, each) => sum + (each.dropped ?? 0), 0)
  const missing = interfaces.reduce((sum, each) => sum + each.missing, 0)
  const untold = interfaces.length - told.length
  return [
    ...(told.length > 0 ? [`${count(dropped)} by the kernel`] : []),
    ...(missing > 0 ? [`${count(missing)} on their way into the file`] : []),
    ...(untold > 0 ? [`not told for ${untold === 1 ? 'one interface' : `${count(untold)} interfaces`}`] : []),
  ].join(', ')
}

function interfaceTable(summary: CaptureSummary): string {
  const { interfaces, moreInterfaces, totals } = summary
  if (interfaces.length === 0) return ''
  const directed = interfaces.some(({ directions }) => directions.in + directions.out > 0)
  const heading = ['NO', 'INTERFACE', 'LINK', 'PACKETS', 'BYTES', ...(directed ? ['IN', 'OUT'] : [])]
  const rows = interfaces.map((nif, index) => [
    String(index),
    nif.name ?? '',
    nif.linkTypeName,
    count(nif.packets),
    bytes(nif.originalBytes),
    ...(directed ? [count(nif.directions.in), count(nif.directions.out)] : []),
    nif.received === undefined ? '' : count(nif.received),
    nif.dropped === undefined ? '' : count(nif.dropped),
    nif.missing === 0 ? '' : count(nif.missing),
    secondsBetween(totals.first, nif.first),
    secondsBetween(totals.first, nif.last),
    details(nif),
  ])
  const table = renderTable([...heading, 'RECEIVED', 'DROPPED', 'MISSING', 'FIRST', 'LAST', 'DETAILS'], rows)
  return table + moreOf(moreInterfaces, 'interfaces')
}

/** Lengths a packet never reaches: nothing was cut. */
const wholePackets = [0, 65_535, 262_144, 524_288]

function details({ description, filter, snaplen, statistics, directions }: InterfaceSummary): string {
  const partly = directions.in + directions.out > 0 && directions.unknown > 0
  return [
    description,
    filter && `filter: ${filter}`,
    wholePackets.includes(snaplen) ? undefined : `first ${snaplen} bytes`,
    partly ? `${count(directions.unknown)} of unknown direction` : undefined,
    statistics > 1 ? `statistics: ${statistics}` : undefined,
  ]
    .filter(text => text)
    .join('; ')
}

function pointTable({ points, interfaces }: CaptureSummary): string {
  if (points.length === 0) return ''
  const heading = ['FROM', 'TO', 'PACKETS', 'MIN', 'P50', 'P99', 'MAX', 'NEVER CAME']
  const rows = points.map(({ from, to, packets, delay: times, onlyAtFrom }) => [
    nameOf(interfaces, from),
    nameOf(interfaces, to),
    count(packets),
    ...(times === undefined ? ['', '', '', ''] : [times.min, times.p50, times.p99, times.max].map(delay)),
    count(onlyAtFrom),
  ])
  return renderTable(heading, rows)
}

function gapTable({ gaps, interfaces, totals }: CaptureSummary): string {
  return placeTable(gaps, ['AT', 'INTERFACE', 'MISSING BEFORE'], gap => [
    secondsBetween(totals.first, gap.time),
    nameOf(interfaces, gap.interface),
    count(gap.missing),
  ])
}

function commentTable({ comments, interfaces, totals }: CaptureSummary): string {
  return placeTable(comments, ['AT', 'INTERFACE', 'COMMENT'], comment => [
    secondsBetween(totals.first, comment.time),
    nameOf(interfaces, comment.interface),
    comment.text,
  ])
}

function placeTable<T>({ list, more }: Shortened<T>, heading: string[], row: (entry: T) => string[]): string {
  return list.length === 0 ? '' : renderTable(heading, list.map(row)) + moreOf(more, 'like these')
}

function moreOf(number: number, what: string): string {
  return number === 0 ? '' : `and ${count(number)} more ${what}\n`
}

function nameOf(interfaces: readonly InterfaceSummary[], index: number | undefined): string {
  return index === undefined ? '' : (interfaces[index]?.name ?? String(index))
}

/** A document as it stands, line by line. */
function document(title: string, text: string | undefined): string {
  if (text === undefined) return ''
  const lines = text.trimEnd().split(/\r?\n/)
  return [`${title}\n`, ...lines.map(line => `  ${printable(line)}\n`)].join('')
}

/** Seconds from one time of the summary to another, to the microsecond; empty where one is missing. */
function secondsBetween(from: string | undefined, to: string | undefined): string {
  if (from === undefined || to === undefined) return ''
  const [start, end] = [partsOf(from), partsOf(to)]
  return (end.seconds - start.seconds + (end.fraction - start.fraction)).toFixed(6)
}

/** A date keeps milliseconds only, so the fraction goes its own way. */
function partsOf(time: string): { seconds: number; fraction: number } {
  const [whole = '', fraction = ''] = time.split('.')
  const seconds = whole.includes('T') ? Date.parse(`${whole}Z`) / 1_000 : Number(whole)
  return { seconds, fraction: Number(`0.${fraction.replace('Z', '')}`) }
}
