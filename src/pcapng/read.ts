/**
 * Reads a pcapng stream that comes in chunks of any size, in either byte order (draft-ietf-opsawg-pcapng; each section
 * tells its own), into records. It holds no more than one block that is not whole yet. A block whose content is not as it
 * must be is passed over, and told as damage; where no next block can be found the stream is refused with the place. It may
 * end anywhere, and then tells how much of a block was there.
 */
import { type BlockFrame, blockFrame, blockTypes, sectionByteOrder } from './block.ts'
import { decodeBlock } from './decode.ts'
import type { Interface } from './decode-interface.ts'
import { makeSource, padded, read32, type Source } from './options.ts'
import type { PcapngRecord } from './records.ts'

/** Longest block that is read: 64 times what Wireshark takes from a pipe. */
const maxBlockLength = 16 * 1024 * 1024

/** Bytes of the type, the length, and the byte order where it is a section header. */
const headLength = 12

/** A reader of one stream. */
export interface PcapngReader {
  /**
   * Takes the next chunk, and yields what is whole now; to be drained before the next one.
   * @throws RangeError with the place in the stream when a block is not as it must be; the reader is of no use then
   */
  push(chunk: Buffer): Generator<PcapngRecord, void>
  /** Bytes of all blocks yielded so far: where the next one begins. */
  position(): number
  /** Bytes of a block that is not whole yet. */
  pending(): number
}

/** A reader at the start of a stream. */
export function pcapngReader(): PcapngReader {
  return new BlockReader()
}

class BlockReader implements PcapngReader {
  #position = 0
  #little: boolean | undefined
  #interfaces: Interface[] = []
  #held = Buffer.alloc(0)
  #pending = 0

  position(): number {
    return this.#position
  }

  pending(): number {
    return this.#pending
  }

  *push(chunk: Buffer): Generator<PcapngRecord, void> {
    try {
      let at = 0
      if (this.#pending > 0) {
        at = this.#hold(chunk, 0)
        const end = yield* this.#decodeWhole(this.#held.subarray(0, this.#pending), 0)
        if (end === 0) return
        this.#pending = 0
      }
      at = yield* this.#decodeWhole(chunk, at)
      this.#hold(chunk, at)
    } catch (error) {
      if (error instanceof RangeError) throw new RangeError(`at byte ${this.#position}: ${error.message}`)
      throw error
    }
  }

  /** The block at a place, as far as its beginning tells; undefined when too little of it is there. */
  #frameAt(bytes: Buffer, start: number): BlockFrame | undefined {
    if (bytes.length - start < headLength) return undefined
    if (bytes.readUInt32LE(start) === blockTypes.sectionHeader) {
      const order = sectionByteOrder(bytes, start)
      if (order === undefined) throw new RangeError('a section header tells no byte order')
      this.#little = order === 'LE'
      this.#interfaces = []
    }
    if (this.#little === undefined) throw new RangeError('it does not begin with a section header')
    const frame = blockFrame(bytes, start, this.#little)
    if (frame !== undefined && frame.told > maxBlockLength) {
      throw new RangeError(`block of type ${frame.type} has length ${frame.told}`)
    }
    return frame
  }

  /** Decodes the whole blocks from a place on; returns where the rest begins. */
  *#decodeWhole(bytes: Buffer, from: number): Generator<PcapngRecord, number> {
    let at = from
    let source: Source | undefined
    for (;;) {
      const frame = this.#frameAt(bytes, at)
      if (frame === undefined || at + frame.length > bytes.length) return at
      if (source === undefined || source.little !== this.#little) source = makeSource(bytes, this.#little === true)
      const { type, length, told } = frame
      const trailer = read32(source, at + length - 4)
      if (padded(trailer) !== length) {
        throw new RangeError(`block of type ${type} has lengths ${told} and ${trailer}`)
      }
      const start = this.#position
      source.damage = undefined
      const record = decode(source, type, at, length, this.#interfaces)
      at += length
      this.#position += length
      if (record !== undefined) yield record
      if (source.damage !== undefined) yield { kind: 'damage', at: start, reason: source.damage }
    }
  }

  /** Adds to the block that is held, up to its end; returns how much of the chunk that took. */
  #hold(chunk: Buffer, from: number): number {
    let at = from
    while (at < chunk.length) {
      const wanted = this.#frameAt(this.#held.subarray(0, this.#pending), 0)?.length ?? headLength
      const step = Math.min(wanted - this.#pending, chunk.length - at)
      if (step === 0) break
      this.#held = withRoom(this.#held, this.#pending, Math.min(wanted, this.#pending + step))
      chunk.copy(this.#held, this.#pending, at, at + step)
      this.#pending += step
      at += step
    }
    return at
  }
}

/** Takes a block apart; undefined for one that is no use, which becomes the damage of the source. */
function decode(
  source: Source,
  type: number,
  at: number,
  length: number,
  interfaces: Interface[],
): PcapngRecord | undefined {
  try {
    return decodeBlock(source, type, at, length, interfaces)
  } catch (error) {
    // Behind a section of another version nothing means what it seems to.
    if (type === blockTypes.sectionHeader || !(error instanceof RangeError)) throw error
    source.damage = error.message
    return undefined
  }
}

/** A buffer with room for so many bytes, with the first ones of the old; it grows by doubling, so tiny chunks cost no more. */
function withRoom(buffer: Buffer, used: number, size: number): Buffer<ArrayBuffer> {
  if (buffer.length >= size) return buffer as Buffer<ArrayBuffer>
  const larger = Buffer.alloc(Math.max(size, 2 * buffer.length, 4_096))
  buffer.copy(larger, 0, 0, used)
  return larger
}
