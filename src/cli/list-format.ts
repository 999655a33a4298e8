/** `remora list --format`: the documents that clients of Ghostwire read, in place of remora's own list. */
import { RemoraError } from '../base/errors.ts'
import { printable, printableJson } from '../base/write.ts'
import { type Answer, type DocumentOptions, mobyshark } from '../discover/list/mobyshark.ts'
import { ghostwire } from '../discover/list/topology.ts'
import type { Target } from '../model/target.ts'
import { print, warn } from './render/terminal.ts'

type Format = (options: DocumentOptions, isWanted: (target: Target) => boolean) => Promise<Answer<unknown>>

/** The topology is always printed whole: a part of it would lead to ids that are not there. */
const formats = new Map<string, Format>([
  ['mobyshark', mobyshark],
  ['ghostwire', options => ghostwire(options)],
])

/**
 * Prints a document.
 * @throws RemoraError USAGE for a format there is not
 */
export async function listFormat(format: string, isWanted: (target: Target) => boolean): Promise<void> {
  const make = formats.get(format)
  if (make === undefined) {
    throw new RemoraError('USAGE', `there is no format ${JSON.stringify(format)}`, {
      hint: `The formats are ${[...formats.keys()].join(' and ')}.`,
    })
  }
  const { document, warnings } = await make({ signal: new AbortController().signal }, isWanted)
  print(`${printableJson(document, 2)}\n`)
  for (const warning of warnings) warn(`warning: ${printable(warning)}\n`)
}
