/** A plain table: columns as wide as their widest cell, two blanks between, the last one as it comes. */
import { printable } from '../../base/write.ts'

/** Renders rows under a heading; control characters in cells are replaced. */
export function renderTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heading, ...rows].map(row => row.map(printable))
  const widths = heading.map((_, column) => Math.max(...lines.map(line => displayWidth(line[column] ?? ''))))
  const pad = (cell: string, column: number) =>
    cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(cell)))
  return lines.map(line => `${line.map(pad).join('  ').trimEnd()}\n`).join('')
}

const graphemes = new Intl.Segmenter()

/** Columns a text takes: one a grapheme, two for the wide ones of East Asia and for pictures. */
function displayWidth(text: string): number {
  let width = 0
  for (const { segment } of graphemes.segment(text))
    width +=
      /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\p{Extended_Pictographic}]/u.test(
        segment,
      )
        ? 2
        : 1
  return width
}
