/**
 * Several captures in one section: each source's interfaces get numbers of their own, and its packets and statistics those
 * numbers. One section, since Wireshark 4.0 mixes up interface names when a second one brings interfaces. Blocks are never
 * split, and packets are written in the order they come.
 */
import type { Readable } from 'node:stream'
import { systemCode } from '../base/errors.ts'
import { version } from '../base/version.ts'
import type { HostName } from '../discover/resolve.ts'
import type { Sink } from '../linux/sink.ts'
import { blockTypes, nameResolutionBlock, sectionHeaderBlock } from '../pcapng/block.ts'
import {
  blockSplitter,
  blockType,
  interfaceNumber,
  packetTime,
  setInterfaceNumber,
  timestampExponent,
  withComment,
} from '../pcapng/stream.ts'
import { nameRecords, preludeLimit } from './prelude.ts'
import type { StopConditions } from './request.ts'

/** What is done to the packets of one source. */
export interface Strand {
  /** Whether a packet is taken; by default every one. */
  readonly accept?: (time: bigint, packet: Buffer) => boolean
  /** Comment for the first packet taken, made when that is known; undefined: none after all. */
  readonly comment?: (time: bigint) => string | undefined
}

/** How a source ended: by itself, or because nobody reads what is woven any more. */
export type StrandEnd = 'ended' | 'reader-gone'

export interface Weave {
  /** Begins the section; later calls add names only. */
  begin(comment: string, names: readonly HostName[]): Promise<StrandEnd>
  /**
   * Takes in a source up to its end.
   * @throws RangeError when it is no pcapng
   */
  add(source: Readable, strand?: Strand): Promise<StrandEnd>
  /** Time of the last packet taken, nanoseconds since 1970; undefined before the first. */
  lastTime(): bigint | undefined
  /** Packets and bytes written so far. */
  written(): { readonly packets: number; readonly bytes: number }
}

/**
 * Weaves sources into a sink.
 * @param stop conditions that are met by what is written: packets, and size; behind them only statistics are taken in
 * @param onEnough called once, when one of them is met
 */
export function weaveInto(
  sink: Sink,
  stop: Pick<StopConditions, 'packets' | 'filesize'> = {},
  onEnough: () => void = () => {},
): Weave {
  let begun = false
  let interfaces = 0
  let packets = 0
  let bytes = 0
  let enough = false
  let last: { block: Buffer; exponent: number } | undefined
  const isEnough = () => packets >= (stop.packets ?? Infinity) || bytes >= (stop.filesize ?? Infinity) * 1024

  const write = async (blocks: readonly Buffer[]): Promise<StrandEnd> => {
    if (blocks.length === 0) return 'ended'
    const joined = blocks.length === 1 ? (blocks[0] as Buffer) : Buffer.concat(blocks)
    try {
      await sink.write(joined)
    } catch (error) {
      if (systemCode(error) === 'EPIPE') return 'reader-gone'
      throw error
    }
    bytes += joined.length
    if (!enough && isEnough()) {
      enough = true
      onEnough()
    }
    return 'ended'
  }

  const strandFilter = ({ accept, comment }: Strand) => {
    const known: { number: number; exponent: number }[] = []
    let first = true
    return (block: Buffer): Buffer | undefined => {
      switch (blockType(block)) {
        case blockTypes.interfaceDescription:
          known.push({ number: interfaces++, exponent: timestampExponent(block) })
          return block
        case blockTypes.interfaceStatistics:
        case blockTypes.enhancedPacket: {
          const nif = known[interfaceNumber(block)]
          if (nif === undefined) throw new RangeError('a packet of an interface that was not described')
          setInterfaceNumber(block, nif.number)
          if (blockType(block) === blockTypes.interfaceStatistics) return block
          if (isEnough()) return undefined
          const time = accept === undefined && !first ? 0n : packetTime(block, nif.exponent)
          if (accept !== undefined && !accept(time, block)) return undefined
          packets++
          last = { block, exponent: nif.exponent }
          const text = first ? comment?.(time) : undefined
          first = false
          return text === undefined ? block : withComment(block, text)
        }
        default:
          return undefined
      }
    }
  }

  return {
    async begin(comment, names) {
      const records = nameRecords(names)
      const header = begun ? [] : [sectionHeaderBlock(`remora ${version}`, comment)]
      begun = true
      return write([...header, ...(records.length === 0 ? [] : [nameResolutionBlock(records, preludeLimit)])])
    },
    async add(source, strand = {}) {
      const splitter = blockSplitter()
      const take = strandFilter(strand)
      for await (const chunk of source) {
        const end = await write(splitter.push(chunk as Buffer).flatMap(block => take(block) ?? []))
        if (end !== 'ended') return end
      }
      return 'ended'
    },
    lastTime: () => last && packetTime(last.block, last.exponent),
    written: () => ({ packets, bytes }),
  }
}
