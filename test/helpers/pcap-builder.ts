/** Files of the older format, pcap, in either byte order and all its variants, made by hand after the draft. */
import { blocksIn, type Order } from './pcapng-builder.ts'

/** First four bytes of the variants. */
export const pcapMagics = { microseconds: 0xa1b2c3d4, nanoseconds: 0xa1b23c4d, kuznetzov: 0xa1b2cd34 } as const

interface PcapOptions {
  readonly magic?: number
  readonly version?: readonly [major: number, minor: number]
  readonly snaplen?: number
  /** With what stands above the link type. */
  readonly linkType?: number
}

/** A packet: its time in seconds and parts of one, its bytes, and what its header tells of their number. */
export interface PcapPacket {
  readonly time?: readonly [seconds: number, fraction: number]
  readonly data?: Buffer
  readonly captured?: number
  readonly original?: number
}

/** A whole file. */
export function pcapFile(order: Order, options: PcapOptions, packets: readonly PcapPacket[]): Buffer {
  const { u16, u32 } = blocksIn(order)
  const { magic = pcapMagics.microseconds, version = [2, 4], snaplen = 262_144, linkType = 1 } = options
  const header = [u32(magic), ...version.map(u16), u32(0), u32(0), u32(snaplen), u32(linkType)]
  const extra = magic === pcapMagics.kuznetzov ? [u32(7), u16(0x800), Buffer.alloc(2)] : []
  const bytes = packets.map(
    ({ time = [5, 6], data = Buffer.alloc(60, 1), captured = data.length, original = captured }) =>
      Buffer.concat([u32(time[0]), u32(time[1]), u32(captured), u32(original), ...extra, data]),
  )
  return Buffer.concat([...header, ...bytes])
}
