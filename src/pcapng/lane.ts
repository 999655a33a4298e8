/**
 * One source of a woven stream: pcapng as dumpcap writes it on this machine (host byte order, nanoseconds), in pieces of
 * any size. What comes is looked at once, where it lies: interface numbers are rewritten in place, and what is no packet is
 * taken out. The packets wait as segments, stretches of whole blocks, until {@link merge} takes them in their turn.
 */
import { blockTypes, maximumBlockLength, optionCodes } from './block.ts'
import { type Slab, type SlabPool, slabSize } from './slab.ts'

/** Packets, and blocks nobody knows, that lie side by side. */
export interface Segment {
  readonly slab: Slab
  /** Words from the start of the slab. */
  start: number
  end: number
  /** Packets lost right before it, since the queue was full. */
  lost: number
}

/** Whether a packet is taken; it stands at a word of its slab. */
export type Accept = (words: Int32Array, at: number) => boolean

/** What a lane shares with the others, and what it takes. */
export interface LaneSettings {
  readonly pool: SlabPool
  /** Writes the description of an interface; gives the number the interface has from now on. */
  readonly describe: (description: Buffer) => number
  readonly accept?: Accept | undefined
}

/** One source and what of it waits. */
export interface Lane {
  readonly segments: Segment[]
  /** Bytes that wait. */
  queued: number
  /** Statistics of its interfaces, for the end. */
  readonly statistics: Buffer[]
  /** Where the next bytes belong. */
  space(): Buffer
  /**
   * Takes bytes that were put there.
   * @param discard there is no room: packets are counted as lost
   * @throws RangeError when they are no pcapng, or of a kind that is not woven
   */
  commit(count: number, discard?: boolean): void
  /** The same for bytes that lie elsewhere. */
  push(chunk: Buffer, discard?: boolean): void
  /** Packets that were lost since the last segment. */
  lost(): number
  /** Nothing follows; half a block is forgotten. */
  end(): void
  isEnded(): boolean
  /** Lets go of everything, also of the count of what was lost. */
  close(): void
}

/** Offsets of fields, in words from the start of an enhanced packet block. */
export const packetField = { interface: 2, timeHigh: 3, timeLow: 4, captured: 5, original: 6, data: 7 } as const

/** Bytes of an enhanced packet block without data and options. */
export const packetOverhead = 32

/** Bytes that are asked for at least; with fewer left, the rest moves to a new slab. */
const leastRoom = 8_192

const byteOrderMagic = 0x1a2b3c4d
/** Packet blocks that have no interface number of their own, or an old form (draft-ietf-opsawg-pcapng §4.4, appendix). */
const otherPackets = new Set([2, 3])

/** Opens a lane. */
export function openLane(settings: LaneSettings): Lane {
  return new SourceLane(settings)
}

class SourceLane implements Lane {
  readonly segments: Segment[] = []
  readonly statistics: Buffer[] = []
  queued = 0
  readonly #settings: LaneSettings
  /** Numbers in the woven section, by those in the source. */
  readonly #numbers: number[] = []
  #slab: Slab
  #fill = 0
  #scanned = 0
  #lost = 0
  #ended = false
  #closed = false

  constructor(settings: LaneSettings) {
    this.#settings = settings
    this.#slab = settings.pool.take()
  }

  space(): Buffer {
    return this.#slab.bytes.subarray(this.#fill)
  }

  commit(count: number, discard = false): void {
    if (this.#closed) return
    this.#fill += count
    this.#scan(discard)
    this.#move()
  }

  push(chunk: Buffer, discard = false): void {
    for (let at = 0; at < chunk.length && !this.#closed; ) {
      const count = chunk.copy(this.#slab.bytes, this.#fill, at)
      this.commit(count, discard)
      at += count
    }
  }

  lost(): number {
    return this.#lost
  }

  end(): void {
    this.#ended = true
  }

  isEnded(): boolean {
    return this.#ended
  }

  close(): void {
    if (this.#closed) return
    this.#closed = this.#ended = true
    this.#lost = 0
    for (const segment of this.segments.splice(0)) this.#settings.pool.drop(segment.slab)
    this.queued = 0
    this.#settings.pool.drop(this.#slab)
  }

  /** Goes through the blocks that are whole. */
  #scan(discard: boolean): void {
    const { words } = this.#slab
    let from = this.#scanned
    let packets = 0
    try {
      while (this.#fill - this.#scanned >= 8) {
        const at = this.#scanned >> 2
        const length = lengthAt(words, at)
        if (this.#fill - this.#scanned < length) break
        if (words[at + (length >> 2) - 1] !== length) throw new RangeError('a block whose two lengths differ')
        const type = words[at] as number
        const isPacket = type === blockTypes.enhancedPacket
        if (isPacket && this.#takes(words, at, length)) packets++
        else if (isPacket || isControl(type)) {
          this.#keep(from, this.#scanned, packets, discard)
          from = this.#scanned
          packets = 0
          if (!isPacket) this.#control(type, from, length)
          from += length
        }
        this.#scanned += length
      }
    } finally {
      // Also before a block that is refused: what came whole is worth having, wherever the borders of pieces were.
      this.#keep(from, this.#scanned, packets, discard)
    }
  }

  /** Gives a packet the number of its interface in the woven section; whether it is taken. */
  #takes(words: Int32Array, at: number, length: number): boolean {
    const captured = words[at + packetField.captured] as number
    if (captured < 0 || captured > length - packetOverhead) throw new RangeError('a packet longer than its block')
    words[at + packetField.interface] = this.#numberOf(words, at)
    const { accept } = this.#settings
    return accept === undefined || accept(words, at)
  }

  #numberOf(words: Int32Array, at: number): number {
    const number = this.#numbers[words[at + packetField.interface] as number]
    if (number === undefined) throw new RangeError('a packet of an interface that was not described')
    return number
  }

  /** Keeps a stretch of packets, or counts them as lost. */
  #keep(from: number, to: number, packets: number, discard: boolean): void {
    if (from === to) return
    if (discard) {
      this.#lost += packets
      return
    }
    this.queued += to - from
    const slab = this.#slab
    const last = this.segments.at(-1)
    if (this.#lost === 0 && last !== undefined && last.slab === slab && last.end === from >> 2) {
      last.end = to >> 2
      return
    }
    slab.uses++
    this.segments.push({ slab, start: from >> 2, end: to >> 2, lost: this.#lost })
    this.#lost = 0
  }

  /** What is neither a packet nor unknown: it belongs to the section, not between packets. */
  #control(type: number, start: number, length: number): void {
    const { bytes, words } = this.#slab
    const block = Buffer.from(bytes.subarray(start, start + length))
    if (type === blockTypes.sectionHeader) {
      if (words[(start >> 2) + 2] !== byteOrderMagic) throw new RangeError('a section of the other byte order')
      this.#numbers.length = 0
    } else if (type === blockTypes.interfaceDescription) {
      if (timestampExponent(block) !== 9) throw new RangeError('an interface that does not count nanoseconds')
      this.#numbers.push(this.#settings.describe(block))
    } else if (type === blockTypes.interfaceStatistics) {
      words[(start >> 2) + packetField.interface] = this.#numberOf(words, start >> 2)
      this.statistics.push(Buffer.from(bytes.subarray(start, start + length)))
    } else throw new RangeError(`a block of type ${type} cannot be woven`)
  }

  /** Moves half a block to where the rest of it has room. */
  #move(): void {
    const { pool } = this.#settings
    const rest = this.#fill - this.#scanned
    const wanted = rest >= 8 ? (this.#slab.words[(this.#scanned >> 2) + 1] as number) : 0
    if (this.#slab.bytes.length - this.#fill >= Math.max(leastRoom, wanted - rest)) return
    const old = this.#slab
    if (old.uses > 1 || old.bytes.length > slabSize || wanted > slabSize) this.#slab = pool.take(wanted + leastRoom)
    old.bytes.copy(this.#slab.bytes, 0, this.#scanned, this.#fill)
    if (this.#slab !== old) pool.drop(old)
    this.#fill = rest
    this.#scanned = 0
  }
}

/** Bytes of the block at a word, as its head tells them. */
function lengthAt(words: Int32Array, at: number): number {
  const length = words[at + 1] as number
  if (length >= 12 && (length & 3) === 0 && length <= 2 * maximumBlockLength) return length
  throw new RangeError(`block of type ${(words[at] as number) >>> 0} has length ${length >>> 0}`)
}

function isControl(type: number): boolean {
  return (
    type === blockTypes.sectionHeader ||
    type === blockTypes.interfaceDescription ||
    type === blockTypes.interfaceStatistics ||
    otherPackets.has(type)
  )
}

/** Exponent of the time unit of an interface: 9 for nanoseconds; 6 where the description says nothing (if_tsresol). */
function timestampExponent(description: Buffer): number {
  const words = new DataView(description.buffer, description.byteOffset, description.length)
  const little = words.getUint32(0, true) === blockTypes.interfaceDescription
  for (let at = 16; at + 8 <= description.length - 4; ) {
    const [code, length] = [words.getUint16(at, little), words.getUint16(at + 2, little)]
    if (code === optionCodes.endOfOptions || at + 4 + length > description.length - 4) return 6
    if (code === optionCodes.timestampResolution && length === 1) return words.getUint8(at + 4)
    at += 4 + length + (-length & 3)
  }
  return 6
}
