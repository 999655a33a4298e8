/**
 * The section remora itself writes before dumpcap takes the stream over: a header and the names of this host's containers,
 * no interface. Wireshark keeps names across sections, so they cost nothing per packet.
 */

import { addressBytes } from '../../base/ip.ts'
import { version } from '../../base/version.ts'
import type { HostName } from '../../discover/resolve/resolve.ts'
import { type CaptureContextFacts, contextComment, sectionCommentLimits } from '../../metadata/context.ts'
import { type NameRecord, nameResolutionBlock, sectionHeaderBlock } from '../../pcapng/block.ts'

/** An empty pipe takes this much at once (pipe(7)), so writing the prelude never blocks. */
export const preludeLimit = 60_000

/** What is said of a capture before its first packet. */
export interface Preface {
  /** Comment that describes the target, as stock tools read it. */
  readonly comment: string
  readonly context: CaptureContextFacts
  readonly names: readonly HostName[]
}

/** Bytes of a context that is too long for the header and stands with the names. */
const longestContext = 20_000

/**
 * The prelude: a section header with the target comment and the context, and the names.
 * @param isFile in anything but a file the header is short, and the whole context stands with the names
 * @returns two pieces, which may be written apart: Wireshark 4.0 exports only what has its interfaces between them
 */
export function prelude(
  { comment, context, names }: Preface,
  isFile: boolean,
): readonly [header: Buffer, names: Buffer] {
  const shown = sectionComment({ comment, context }, sectionCommentLimits[isFile ? 'file' : 'stream'])
  const header = sectionHeaderBlock(`remora ${version}`, shown)
  const whole = isFile ? '' : contextComment(context, longestContext)
  const rest = shown === whole + comment ? '' : whole
  const records = nameRecords(names)
  if (records.length === 0 && rest === '') return [header, Buffer.alloc(0)]
  return [header, nameResolutionBlock(records, preludeLimit - header.length, rest)]
}

/**
 * The comment of a section: as much of the context as fits, and the target. The target comes last, since csharg replaces it
 * up to the end of the comment, and cuts wrongly where another document follows.
 */
export function sectionComment({ comment, context }: Omit<Preface, 'names'>, limit: number): string {
  return contextComment(context, limit - Buffer.byteLength(comment)) + comment
}

/** One record an address, its names the best first. */
export function nameRecords(names: readonly HostName[]): NameRecord[] {
  const byAddress = new Map<string, Set<string>>()
  for (const { address, name } of names) byAddress.set(address, (byAddress.get(address) ?? new Set()).add(name))
  return [...byAddress].flatMap(([text, found]) => {
    const address = addressBytes(text)
    return address === undefined ? [] : [{ address, names: [...found] }]
  })
}
