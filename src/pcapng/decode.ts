/**
 * One whole block of pcapng, taken apart (draft-ietf-opsawg-pcapng §4). A block is refused when its fixed part or its packet
 * does not fit into it, or when it speaks of an interface that nobody has described; the caller goes on behind it.
 */
import type { NameRecord } from './block.ts'
import { decodeInterface, decodeStatistics, type Interface } from './decode-interface.ts'
import { decodePacket } from './decode-packet.ts'
import { checkFixedPart, type Draft, padded, read16, read32, readOptions, readText, type Source } from './options.ts'
import type { PcapngRecord, SecretsRecord, SectionRecord } from './records.ts'

/**
 * Takes a block apart.
 * @param start first byte of the block, whose frame has been checked
 * @param interfaces those of the section so far; a description adds one
 * @throws RangeError when the block is not as it must be
 */
export function decodeBlock(
  source: Source,
  type: number,
  start: number,
  length: number,
  interfaces: Interface[],
): PcapngRecord {
  const body = start + 8
  const end = start + length - 4
  switch (type) {
    case 0x0a0d0d0a:
      return decodeSection(source, body, end)
    case 1:
      return decodeInterface(source, body, end, interfaces)
    case 2:
    case 3:
    case 6:
      return decodePacket(source, type, body, end, interfaces)
    case 4:
      return decodeNames(source, body, end)
    case 5:
      return decodeStatistics(source, body, end, interfaces)
    case 10:
      return decodeSecrets(source, body, end)
    default:
      return { kind: 'unknown', type, length }
  }
}

function decodeSection(source: Source, body: number, end: number): SectionRecord {
  checkFixedPart('a section header', body, 16, end)
  const [major, minor] = [read16(source, body + 4), read16(source, body + 6)]
  if (major !== 1) throw new RangeError(`version ${major}.${minor} of pcapng is not known`)
  const section: Draft<SectionRecord> = {
    kind: 'section',
    byteOrder: source.little ? 'LE' : 'BE',
    version: `${major}.${minor}`,
    comments: [],
    hardware: undefined,
    os: undefined,
    application: undefined,
  }
  readOptions(source, body + 16, end, section, takeSectionOption)
  return section
}

function takeSectionOption(section: Draft<SectionRecord>, code: number, source: Source, at: number, length: number) {
  if (code === 1) section.comments.push(readText(source, at, length))
  else if (code === 2) section.hardware = readText(source, at, length)
  else if (code === 3) section.os = readText(source, at, length)
  else if (code === 4) section.application = readText(source, at, length)
}

/** Names, each a text that a zero byte ends, behind an address of 4 or 16 bytes; records of other kinds are let be. */
function decodeNames(source: Source, body: number, end: number): PcapngRecord {
  const records: NameRecord[] = []
  const options = readOptions(source, body, end, records, (found, type, _, at, length) => {
    const { bytes } = source
    const size = type === 1 ? 4 : type === 2 ? 16 : 0
    if (size === 0) return
    if (length < size) {
      source.damage = `a name record of ${length} bytes has no address`
      return
    }
    const names = bytes.toString('utf8', at + size, at + length).split('\0')
    found.push({
      address: Uint8Array.from(bytes.subarray(at, at + size)),
      names: names.filter(name => name !== ''),
    })
  })
  const comments: string[] = []
  readOptions(source, options, end, comments, (found, code, { bytes }, at, length) => {
    if (code === 1) found.push(bytes.toString('utf8', at, at + length))
  })
  return { kind: 'names', records, comments }
}

function decodeSecrets(source: Source, body: number, end: number): SecretsRecord {
  checkFixedPart('a decryption secrets block', body, 8, end)
  const length = read32(source, body + 4)
  if (body + 8 + padded(length) > end) throw new RangeError(`secrets of ${length} bytes run past their block`)
  return { kind: 'secrets', type: read32(source, body), length }
}
