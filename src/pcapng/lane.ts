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
export function openLane({ pool, describe, accept }: LaneSettings): Lane {
  const segments: Segment[] = []
  const statistics: Buffer[] = []
  /** Numbers in the woven section, by those in the source. */
  const numbers: number[] = []
  let slab = pool.take()
  let fill = 0
  let scanned = 0
  let lost = 0
  let ended = false
  let closed = false

  const numberOf = (words: Int32Array, at: number): number => {
    const number = numbers[words[at + packetField.interface] as number]
    if (number === undefined) throw new RangeError('a packet of an interface that was not described')
    return number
  }

  /** Keeps a stretch of packets, or counts them as lost. */
  const keep = (from: number, to: number, packets: number, discard: boolean) => {
    if (from === to) return
    if (discard) {
      lost += packets
      return
    }
    lane.queued += to - from
    const last = segments.at(-1)
    if (lost === 0 && last !== undefined && last.slab === slab && last.end === from >> 2) {
      last.end = to >> 2
      return
    }
    slab.uses++
    segments.push({ slab, start: from >> 2, end: to >> 2, lost })
    lost = 0
  }

  /** What is neither a packet nor unknown: it belongs to the section, not between packets. */
  const control = (type: number, start: number, length: number) => {
    const block = Buffer.from(slab.bytes.subarray(start, start + length))
    if (type === blockTypes.sectionHeader) {
      if (slab.words[(start >> 2) + 2] !== byteOrderMagic) throw new RangeError('a section of the other byte order')
      numbers.length = 0
    } else if (type === blockTypes.interfaceDescription) {
      if (timestampExponent(block) !== 9) throw new RangeError('an interface that does not count nanoseconds')
      numbers.push(describe(block))
    } else if (type === blockTypes.interfaceStatistics) {
      slab.words[(start >> 2) + packetField.interface] = numberOf(slab.words, start >> 2)
      statistics.push(Buffer.from(slab.bytes.subarray(start, start + length)))
    } else throw new RangeError(`a block of type ${type} cannot be woven`)
  }

  const scan = (discard: boolean) => {
    const { words } = slab
    let from = scanned
    let packets = 0
    try {
      while (fill - scanned >= 8) {
        const at = scanned >> 2
        const length = words[at + 1] as number
        if (length < 12 || (length & 3) !== 0 || length > 2 * maximumBlockLength) {
          throw new RangeError(`block of type ${(words[at] as number) >>> 0} has length ${length >>> 0}`)
        }
        if (fill - scanned < length) break
        if (words[at + (length >> 2) - 1] !== length) throw new RangeError('a block whose two lengths differ')
        const type = words[at] as number
        if (type === blockTypes.enhancedPacket) {
          const captured = words[at + packetField.captured] as number
          if (captured < 0 || captured > length - packetOverhead) throw new RangeError('a packet longer than its block')
          words[at + packetField.interface] = numberOf(words, at)
          if (accept === undefined || accept(words, at)) packets++
          else {
            keep(from, scanned, packets, discard)
            from = scanned + length
            packets = 0
          }
        } else if (isControl(type)) {
          keep(from, scanned, packets, discard)
          from = scanned
          packets = 0
          control(type, scanned, length)
          from = scanned + length
        }
        scanned += length
      }
    } finally {
      // Also before a block that is refused: what came whole is worth having, wherever the borders of pieces were.
      keep(from, scanned, packets, discard)
    }
  }

  /** Moves half a block to where the rest of it has room. */
  const move = () => {
    const rest = fill - scanned
    const wanted = rest >= 8 ? (slab.words[(scanned >> 2) + 1] as number) : 0
    if (slab.bytes.length - fill >= Math.max(leastRoom, wanted - rest)) return
    const old = slab
    if (slab.uses > 1 || slab.bytes.length > slabSize || wanted > slabSize) slab = pool.take(wanted + leastRoom)
    old.bytes.copy(slab.bytes, 0, scanned, fill)
    if (slab !== old) pool.drop(old)
    fill = rest
    scanned = 0
  }

  const lane: Lane = {
    segments,
    queued: 0,
    statistics,
    space: () => slab.bytes.subarray(fill),
    commit(count, discard = false) {
      if (closed) return
      fill += count
      scan(discard)
      move()
    },
    push(chunk, discard = false) {
      for (let at = 0; at < chunk.length && !closed; ) {
        const count = chunk.copy(slab.bytes, fill, at)
        lane.commit(count, discard)
        at += count
      }
    },
    lost: () => lost,
    end() {
      ended = true
    },
    isEnded: () => ended,
    close() {
      if (closed) return
      closed = ended = true
      lost = 0
      for (const segment of segments.splice(0)) pool.drop(segment.slab)
      lane.queued = 0
      pool.drop(slab)
    },
  }
  return lane
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
