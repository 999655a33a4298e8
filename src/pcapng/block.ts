/**
 * Blocks of pcapng (draft-ietf-opsawg-pcapng): the frame every block shares, its options, and the blocks remora
 * writes itself. Numbers are in host byte order, since Wireshark's pipe reader refuses the other one.
 */
import { endianness } from 'node:os'

/** Block types, section 4 of the draft. */
export const blockTypes = {
  sectionHeader: 0x0a0d0d0a,
  interfaceDescription: 1,
  nameResolution: 4,
  interfaceStatistics: 5,
  enhancedPacket: 6,
  decryptionSecrets: 10,
} as const

/** A longer block makes Wireshark's pipe reader give up (WTAP_MAX_PACKET_SIZE_STANDARD). */
export const maximumBlockLength = 262_144

const byteOrderMagic = 0x1a2b3c4d
/** Option codes, sections 3.5 and 4 of the draft; those above 1 mean something in one kind of block only. */
export const optionCodes = {
  endOfOptions: 0,
  comment: 1,
  userApplication: 4,
  interfaceName: 2,
  interfaceDescription: 3,
  timestampResolution: 9,
  interfaceFilter: 11,
  interfaceOs: 12,
  packetsReceived: 4,
  packetsDropped: 5,
} as const
const recordTypes = { end: 0, ipv4: 1, ipv6: 2 } as const
const little = endianness() === 'LE'

/**
 * Section header block without a section length (streamed).
 * @param userApplication shb_userappl, the program that wrote the section
 * @param comment opt_comment; at most 65,535 bytes
 */
export function sectionHeaderBlock(userApplication: string, comment: string): Buffer {
  const fixed = Buffer.alloc(16)
  put32(fixed, byteOrderMagic, 0)
  put16(fixed, 1, 4)
  put16(fixed, 0, 6)
  fixed.fill(0xff, 8)
  const options = [
    option(optionCodes.comment, Buffer.from(comment)),
    option(optionCodes.userApplication, Buffer.from(userApplication)),
    option(optionCodes.endOfOptions),
  ]
  return block(blockTypes.sectionHeader, [fixed, ...options])
}

/** What is said of an interface of a section. */
export interface InterfaceDescription {
  /** LINKTYPE (https://www.tcpdump.org/linktypes.html). */
  readonly linkType: number
  /** Bytes kept of each packet. */
  readonly snaplen: number
  readonly name: string
  readonly description: string
  /** Capture filter; empty for none. */
  readonly filter: string
  /** Operating system it is captured on. */
  readonly os: string
}

/** Interface description block, with the options dumpcap writes; times are nanoseconds since 1970. */
export function interfaceDescriptionBlock(nif: InterfaceDescription): Buffer {
  const fixed = Buffer.alloc(8)
  put16(fixed, nif.linkType, 0)
  put32(fixed, nif.snaplen, 4)
  const text = (code: number, value: string) => (value === '' ? [] : [option(code, Buffer.from(value))])
  return block(blockTypes.interfaceDescription, [
    fixed,
    ...text(optionCodes.interfaceName, nif.name),
    ...text(optionCodes.interfaceDescription, nif.description),
    option(optionCodes.timestampResolution, Buffer.of(9)),
    // The first byte says that a filter as in pcap-filter(7) follows.
    ...text(optionCodes.interfaceFilter, nif.filter && `\0${nif.filter}`),
    ...text(optionCodes.interfaceOs, nif.os),
    option(optionCodes.endOfOptions),
  ])
}

/**
 * An interface description with another name (if_name); everything else stays.
 * @param name that name, or what makes it of the old one
 */
export function withInterfaceName(description: Buffer, name: string | ((own: string) => string)): Buffer {
  const rest: Buffer[] = []
  let own = ''
  const end = description.length - 4
  for (let at = 16; at + 4 <= end; ) {
    const [code, length] = [read16(description, at), read16(description, at + 2)]
    const next = at + 4 + length + (-length & 3)
    if (code === optionCodes.endOfOptions || next > end) break
    if (code === optionCodes.interfaceName) own = description.toString('utf8', at + 4, at + 4 + length)
    else rest.push(description.subarray(at, next))
    at = next
  }
  return block(blockTypes.interfaceDescription, [
    description.subarray(8, 16),
    option(optionCodes.interfaceName, Buffer.from(typeof name === 'string' ? name : name(own))),
    ...rest,
    option(optionCodes.endOfOptions),
  ])
}

/**
 * Interface statistics block.
 * @param time two halves of nanoseconds since 1970
 */
export function interfaceStatisticsBlock(
  number: number,
  { received, dropped }: { readonly received: number; readonly dropped: number },
  { high, low }: { readonly high: number; readonly low: number },
): Buffer {
  const fixed = Buffer.alloc(12)
  put32(fixed, number, 0)
  put32(fixed, high >>> 0, 4)
  put32(fixed, low >>> 0, 8)
  return block(blockTypes.interfaceStatistics, [
    fixed,
    option(optionCodes.packetsReceived, number64(received)),
    option(optionCodes.packetsDropped, number64(dropped)),
    option(optionCodes.endOfOptions),
  ])
}

/** One address and the names it goes by. */
export interface NameRecord {
  /** 4 bytes of IPv4 or 16 bytes of IPv6, network order. */
  readonly address: Uint8Array
  /** The best first. */
  readonly names: readonly string[]
}

/**
 * Name resolution block, section 4.5 of the draft. Names lose NUL bytes and are cut to 255 bytes each; records without a
 * name, or of a length that is no address, are left out. The best name of a record stands first and last: of several names,
 * Wireshark 4.0 shows the last, 4.4 and 4.6 the first (docs/internals/discoveries).
 * @param limit greatest length of the block in bytes; records that would pass it are left out
 * @param comment opt_comment of the block; empty for none
 */
export function nameResolutionBlock(records: Iterable<NameRecord>, limit = maximumBlockLength, comment = ''): Buffer {
  const options =
    comment === '' ? [] : [option(optionCodes.comment, Buffer.from(comment)), option(optionCodes.endOfOptions)]
  const parts: Buffer[] = []
  let length = 16 + options.reduce((sum, { length }) => sum + length, 0)
  for (const { address, names } of records) {
    const type = address.length === 4 ? recordTypes.ipv4 : address.length === 16 ? recordTypes.ipv6 : undefined
    const cleaned = names.map(cleanName).filter(name => name !== '')
    if (type === undefined || cleaned.length === 0) continue
    const [best = ''] = cleaned
    const written = cleaned.length === 1 ? cleaned : [...cleaned, best]
    const value = Buffer.concat([address, ...written.map(name => Buffer.from(`${name}\0`))])
    const record = typeLengthValue(type, value)
    if (value.length > 0xffff || length + record.length > limit) continue
    parts.push(record)
    length += record.length
  }
  parts.push(typeLengthValue(recordTypes.end, Buffer.alloc(0)))
  return block(blockTypes.nameResolution, [...parts, ...options])
}

/** secrets_type of a TLS key log: the letters `TLSK`. */
const tlsKeyLog = 0x544c534b

/**
 * Decryption secrets block, section 4.7 of the draft, with lines of a TLS key log (RFC 9850). It must come before the
 * packets it decrypts.
 * @param secrets whole lines; whoever has more than fit splits them at a line
 * @throws RangeError when the block would be longer than {@link maximumBlockLength}
 */
export function decryptionSecretsBlock(secrets: Buffer): Buffer {
  const length = 20 + secrets.length + (-secrets.length & 3)
  if (length > maximumBlockLength) throw new RangeError(`${secrets.length} bytes of secrets do not fit into a block`)
  const fixed = Buffer.alloc(8)
  put32(fixed, tlsKeyLog, 0)
  put32(fixed, secrets.length, 4)
  return block(blockTypes.decryptionSecrets, [fixed, secrets, Buffer.alloc(-secrets.length & 3)])
}

/** What a block header says; offsets are bytes from the start of the buffer. */
export interface BlockFrame {
  readonly type: number
  readonly start: number
  /** A multiple of 4: some writers leave the padding out of the length they tell, which other readers allow. */
  readonly length: number
  /** As the block tells it. */
  readonly told: number
}

/**
 * Reads the frame of the block at an offset, in the byte order the caller knows (a section header tells its own).
 * @returns undefined when fewer than 12 bytes are there
 * @throws RangeError when the length is too small for a block
 */
export function blockFrame(bytes: Buffer, start: number, littleEndian: boolean): BlockFrame | undefined {
  if (bytes.length - start < 12) return undefined
  const read = (at: number) => (littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at))
  const type = read(start)
  const told = read(start + 4)
  if (told < 12) throw new RangeError(`block of type ${type} has length ${told}`)
  return { type, start, length: told + (-told & 3), told }
}

/** Byte order of the section whose header stands at the offset; undefined when there is none. */
export function sectionByteOrder(bytes: Buffer, start: number): 'LE' | 'BE' | undefined {
  if (bytes.length - start < 12 || bytes.readUInt32LE(start) !== blockTypes.sectionHeader) return undefined
  if (bytes.readUInt32LE(start + 8) === byteOrderMagic) return 'LE'
  return bytes.readUInt32BE(start + 8) === byteOrderMagic ? 'BE' : undefined
}

/** A block: its type, its length at both ends, and what is between. */
export function block(type: number, parts: readonly Buffer[]): Buffer {
  const length = 12 + parts.reduce((sum, part) => sum + part.length, 0)
  const head = Buffer.alloc(8)
  put32(head, type, 0)
  put32(head, length, 4)
  const tail = Buffer.alloc(4)
  put32(tail, length, 0)
  return Buffer.concat([head, ...parts, tail])
}

/** An option: code, length, value padded to 32 bits. */
export function option(code: number, value: Buffer = Buffer.alloc(0)): Buffer {
  return typeLengthValue(code, value)
}

/** Options and name records share one shape: 16-bit type, 16-bit length, value padded to 32 bits. */
function typeLengthValue(type: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(4 + value.length + (-value.length & 3))
  put16(bytes, type, 0)
  put16(bytes, value.length, 2)
  value.copy(bytes, 4)
  return bytes
}

function cleanName(name: string): string {
  const bytes = Buffer.from(name.replaceAll('\0', ''))
  if (bytes.length <= 255) return bytes.toString()
  return bytes
    .subarray(0, 255)
    .toString()
    .replace(/\uFFFD+$/, '')
}

function number64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  if (little) bytes.writeBigUInt64LE(BigInt(value))
  else bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

function read16(bytes: Buffer, at: number): number {
  return little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)
}

function put16(bytes: Buffer, value: number, at: number): void {
  if (little) bytes.writeUInt16LE(value, at)
  else bytes.writeUInt16BE(value, at)
}

/** Writes a number in host byte order. */
export function put32(bytes: Buffer, value: number, at: number): void {
  if (little) bytes.writeUInt32LE(value, at)
  else bytes.writeUInt32BE(value, at)
}
