/**
 * The older format, pcap with nanoseconds (draft-ietf-opsawg-pcap), as tcpdump writes it on this machine: turned into
 * pcapng on the way. Records have no alignment, so each is copied once.
 */
import { blockTypes, maximumBlockLength } from './block.ts'
import { packetField, packetOverhead } from './lane.ts'
import { makeSlab, slabSize } from './slab.ts'

const nanosecondMagic = 0xa1b23c4d
const headerLength = 24
const recordHeaderLength = 16

/**
 * A reader for pieces of any size.
 * @param describe makes the description of the interface, from what the file header says
 * @param take takes whole blocks; they are valid during the call
 * @param onCut called for each packet that is shorter than it was, and than the snapshot length lets it be
 * @returns takes the next piece; throws RangeError when it is no such pcap
 */
export function pcapReader(
  describe: (linkType: number, snaplen: number) => Buffer,
  take: (blocks: Buffer) => void,
  onCut: () => void = () => {},
): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let snaplen: number | undefined
  return chunk => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    if (snaplen === undefined && bytes.length >= headerLength) {
      const header = readHeader(bytes)
      snaplen = header.snaplen
      take(describe(header.linkType, snaplen))
      at = headerLength
    }
    if (snaplen !== undefined) at = convertRecords(bytes, at, snaplen, { take, onCut })
    rest = Buffer.from(bytes.subarray(at))
  }
}

/** @throws RangeError when it is none with nanoseconds */
function readHeader(bytes: Buffer): { readonly snaplen: number; readonly linkType: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerLength)
  if (view.getUint32(0, little) !== nanosecondMagic) throw new RangeError('no pcap with nanoseconds')
  return { snaplen: view.getUint32(16, little), linkType: view.getUint32(20, little) & 0xffff }
}

/** Makes blocks of the whole records from a place on; returns where the rest begins. */
function convertRecords(
  bytes: Buffer,
  from: number,
  snaplen: number,
  { take, onCut }: { readonly take: (blocks: Buffer) => void; readonly onCut: () => void },
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = from
  let fill = 0
  try {
    while (bytes.length - at >= recordHeaderLength) {
      const captured = view.getUint32(at + 8, little)
      const end = at + recordHeaderLength + captured
      const length = packetOverhead + captured + (-captured & 3)
      if (length > maximumBlockLength + packetOverhead) throw new RangeError(`packet of ${captured} bytes`)
      if (bytes.length < end) break
      if (captured < view.getUint32(at + 12, little) && captured < snaplen) onCut()
      if (fill + length > slabSize && fill > 0) {
        take(scratch.bytes.subarray(0, fill))
        fill = 0
      }
      writePacket(scratch.words, fill >> 2, length, view, at)
      bytes.copy(scratch.bytes, fill + packetField.data * 4, at + recordHeaderLength, end)
      at = end
      fill += length
    }
  } finally {
    // Also before a record that is refused.
    if (fill > 0) take(scratch.bytes.subarray(0, fill))
  }
  return at
}

/** Writes everything of a block but its data. */
function writePacket(words: Int32Array, to: number, length: number, view: DataView, at: number): void {
  const seconds = view.getUint32(at, little)
  // Split, since nanoseconds since 1970 need more bits than a number has: 10^9 = 15258 * 2^16 + 51712.
  const low = seconds * 51_712 + view.getUint32(at + 4, little)
  const middle = seconds * 15_258 + Math.floor(low / 65_536)
  words[to + (length >> 2) - 2] = 0
  words[to] = blockTypes.enhancedPacket
  words[to + 1] = length
  words[to + packetField.interface] = 0
  words[to + packetField.timeHigh] = Math.floor(middle / 65_536)
  words[to + packetField.timeLow] = ((middle % 65_536) * 65_536 + (low % 65_536)) | 0
  words[to + packetField.captured] = view.getUint32(at + 8, little)
  words[to + packetField.original] = view.getUint32(at + 12, little)
  words[to + (length >> 2) - 1] = length
}

/** What is handed on is taken before the next is made, so one is enough for all. */
const scratch = makeSlab(slabSize + maximumBlockLength + packetOverhead)

const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
