/** What a capture file tells of itself; JSON as it stands, times as RFC 3339 in UTC with nanoseconds. */

/** A whole file. */
export interface CaptureSummary {
  /** As it was given; `-` for standard input. */
  readonly file: string
  /** That were read. */
  readonly bytes: number
  readonly sections: readonly SectionSummary[]
  /** Sections that are not listed, since there are too many. */
  readonly moreSections: number
  /** Comment document on the capture target, YAML as it stands. */
  readonly target?: string | undefined
  /** Comment document on where the target was, YAML as it stands. */
  readonly context?: string | undefined
  readonly interfaces: readonly InterfaceSummary[]
  /** Interfaces that are not listed, since there are too many; their packets are in the totals. */
  readonly moreInterfaces: number
  readonly totals: Totals
  /** Packets that stand behind later ones. */
  readonly outOfOrder: number
  /** Different pairs of a name and an address. */
  readonly names: number
  /** Decryption secrets. */
  readonly secrets: { readonly blocks: number; readonly bytes: number }
  /** Places where packets are missing (epb_dropcount). */
  readonly gaps: Shortened<Gap>
  /** Comments of packets; remora begins a life after a gap with one. */
  readonly comments: Shortened<PacketComment>
  /** What is known of packets that were seen at two interfaces. */
  readonly points: readonly PointPair[]
  /** What was of no use, and passed over. */
  readonly skipped: Shortened<Damage>
  /** The file ends in the middle of a block, of which this much is there. */
  readonly cutOff?: { readonly bytes: number } | undefined
  /** The file breaks the format: only what stands before this byte could be read. */
  readonly broken?: { readonly at: number; readonly reason: string } | undefined
}

/** A block that was of no use, or a part of one. */
export interface Damage {
  /** Where the block begins. */
  readonly at: number
  readonly reason: string
}

/** A section, by its header. */
export interface SectionSummary {
  readonly byteOrder: 'LE' | 'BE'
  readonly application?: string | undefined
  readonly os?: string | undefined
  readonly hardware?: string | undefined
  /** Comments that are none of remora's documents. */
  readonly comments: readonly string[]
}

/** Packets counted together. */
export interface Totals {
  readonly packets: number
  /** Captured bytes of packets. */
  readonly bytes: number
  /** Bytes the packets had on the wire. */
  readonly originalBytes: number
  /** Earliest and latest time of a packet. */
  readonly first?: string | undefined
  readonly last?: string | undefined
}

/** An interface of a section. */
export interface InterfaceSummary extends Totals {
  /** Index of its section. */
  readonly section: number
  /** Its number in the section. */
  readonly number: number
  readonly name?: string | undefined
  readonly description?: string | undefined
  readonly linkType: number
  readonly linkTypeName: string
  /** 0 for all of a packet. */
  readonly snaplen: number
  readonly filter?: string | undefined
  readonly directions: { readonly in: number; readonly out: number; readonly unknown: number }
  /** Statistics blocks; 1 for a capture that ended well. */
  readonly statistics: number
  /** As the last of them tells it. */
  readonly received?: number | undefined
  readonly dropped?: number | undefined
  /** Packets missing before others (sum of epb_dropcount). */
  readonly missing: number
}

/** The first entries of a list, and how many more there were. */
export interface Shortened<T> {
  readonly list: readonly T[]
  readonly more: number
}

/** Where something was; `interface` is an index of the summary's interfaces, undefined for one that is not listed. */
interface Place {
  readonly time?: string | undefined
  readonly interface?: number | undefined
}

/** A place where packets are missing. */
export interface Gap extends Place {
  readonly missing: number
}

/** What somebody wrote to a packet. */
export interface PacketComment extends Place {
  readonly text: string
}

/** Packets with one id that were seen at both interfaces, at `from` first. */
export interface PointPair {
  /** Indexes of the summary's interfaces. */
  readonly from: number
  readonly to: number
  readonly packets: number
  /** Nanoseconds from one to the other; percentiles are right to 3 %. */
  readonly delay?: Delay | undefined
  /** Packets with an id at `from` that never came at `to`, whichever way they went. */
  readonly onlyAtFrom: number
}

/** Delays in nanoseconds. */
export interface Delay {
  readonly min: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}
