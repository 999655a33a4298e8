/**
 * What stands in a pcapng file, block by block (draft-ietf-opsawg-pcapng §4, and appendix A of older drafts for the
 * obsolete packet block). Everything is as the file tells it: texts come from outside, and counters may be anything.
 */
import type { NameRecord } from './block.ts'
import type { Clock, Time } from './time.ts'

/** A block, by its kind. */
export type PcapngRecord =
  | SectionRecord
  | InterfaceRecord
  | PacketRecord
  | StatisticsRecord
  | NamesRecord
  | SecretsRecord
  | UnknownRecord
  | DamageRecord

/** Section header: interfaces are counted anew from here. */
export interface SectionRecord {
  readonly kind: 'section'
  readonly byteOrder: 'LE' | 'BE'
  /** `1.0` */
  readonly version: string
  readonly comments: readonly string[]
  readonly hardware: string | undefined
  readonly os: string | undefined
  /** The program that wrote the section. */
  readonly application: string | undefined
}

/** Interface description. */
export interface InterfaceRecord {
  readonly kind: 'interface'
  /** Its number in the section, from 0. */
  readonly number: number
  /** LINKTYPE_ of https://www.tcpdump.org/linktypes.html. */
  readonly linkType: number
  /** Most bytes captured of a packet; 0 for all. */
  readonly snaplen: number
  readonly clock: Clock
  readonly comments: readonly string[]
  readonly name: string | undefined
  readonly description: string | undefined
  /** Capture filter, where it is told as a text. */
  readonly filter: string | undefined
  /** `02:00:00:00:00:01` */
  readonly mac: string | undefined
  /** Bits per second. */
  readonly speed: number | undefined
  readonly os: string | undefined
  readonly hardware: string | undefined
}

/** A packet, of whichever of the three blocks that hold one, or of a pcap file. */
export interface PacketRecord {
  readonly kind: 'packet'
  readonly block: 'enhanced' | 'simple' | 'obsolete' | 'pcap'
  /** Number of its interface in the section. */
  readonly interface: number
  /** Undefined for a simple packet, which has none. */
  readonly time: Time | undefined
  /** Bytes that were captured. */
  readonly captured: number
  /** Bytes it had on the wire. */
  readonly original: number
  readonly comments: readonly string[]
  readonly direction: 'in' | 'out' | undefined
  readonly reception: 'unicast' | 'multicast' | 'broadcast' | 'promiscuous' | undefined
  /** Packets lost between this one and the one before it (epb_dropcount). */
  readonly dropped: number
  /** Equal for the same packet seen at another interface (epb_packetid); a bigint where a number is not exact. */
  readonly id: number | bigint | undefined
  /** Where its bytes stand: good until the next record is asked for ({@link capturedBytes}). */
  readonly source: Buffer
  readonly start: number
}

/** Interface statistics; counters that the file does not tell are undefined. */
export interface StatisticsRecord {
  readonly kind: 'statistics'
  readonly interface: number
  readonly time: Time
  readonly comments: readonly string[]
  readonly startTime: Time | undefined
  readonly endTime: Time | undefined
  readonly received: number | undefined
  /** Lost for want of room, by the interface or the kernel. */
  readonly dropped: number | undefined
  readonly accepted: number | undefined
  readonly droppedByOs: number | undefined
  readonly delivered: number | undefined
}

/** Name resolution. */
export interface NamesRecord {
  readonly kind: 'names'
  readonly records: readonly NameRecord[]
  readonly comments: readonly string[]
}

/** Decryption secrets: that there are some, and how many bytes; never which. */
export interface SecretsRecord {
  readonly kind: 'secrets'
  /** `0x544c534b` (TLSK) for the lines of an SSLKEYLOGFILE. */
  readonly type: number
  readonly length: number
}

/** Any other block. */
export interface UnknownRecord {
  readonly kind: 'unknown'
  readonly type: number
  /** Of the whole block, in bytes. */
  readonly length: number
}

/** Something that could not be used: a whole block, or a part of the one that comes before this record. */
export interface DamageRecord {
  readonly kind: 'damage'
  /** Where the block begins in the file. */
  readonly at: number
  readonly reason: string
}

/** The bytes of a packet, as a view: good until the next record is asked for. */
export function capturedBytes({ source, start, captured }: PacketRecord): Buffer {
  return source.subarray(start, start + captured)
}
