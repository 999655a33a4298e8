/** Files that are neither pcapng nor pcap: what they are, and how to make one of them. */
import { RemoraError } from '../base/errors.ts'

/** First bytes of what people take for a capture file, and the way out. */
const kinds: readonly { readonly magics: readonly string[]; readonly what: string; readonly hint: Hint }[] = [
  { magics: ['1f8b'], what: 'is compressed with gzip', hint: file => `gunzip -c ${file} | remora info -` },
  { magics: ['28b52ffd'], what: 'is compressed with zstd', hint: file => `zstd -dc ${file} | remora info -` },
  { magics: ['04224d18'], what: 'is compressed with lz4', hint: file => `lz4 -dc ${file} | remora info -` },
  { magics: ['fd377a58'], what: 'is compressed with xz', hint: file => `xz -dc ${file} | remora info -` },
]

type Hint = (file: string) => string

const pcapngMagic = '0a0d0d0a'

/**
 * Refuses what cannot be pcapng.
 * @param file as it was given; `-` for standard input
 * @param head the first bytes, at least four where there are as many
 * @throws RemoraError USAGE
 */
export function refuseForeign(file: string, head: Buffer): void {
  if (head.length === 0) {
    throw new RemoraError('USAGE', `${nameOf(file)} is empty`, {
      hint: 'remora capture TARGET -w FILE writes a capture file.',
    })
  }
  const magic = head.toString('hex', 0, 4)
  if (magic === pcapngMagic) return
  const kind = kinds.find(({ magics }) => magics.some(start => magic.startsWith(start)))
  if (kind === undefined) throw noPcapng(file)
  throw new RemoraError('USAGE', `${nameOf(file)} ${kind.what}`, { hint: kind.hint(file) })
}

/** The error for a file that is nothing remora knows. */
export function noPcapng(file: string, reason?: string): RemoraError {
  const because = reason === undefined ? '' : `: ${reason}`
  return new RemoraError('USAGE', `${nameOf(file)} is no capture file of pcapng or pcap${because}`, {
    hint: 'editcap -F pcapng FILE converted.pcapng converts what Wireshark can read.',
  })
}

/** How a file is called in a sentence. */
export function nameOf(file: string): string {
  return file === '-' ? 'standard input' : file
}
