/**
 * Reads the older format, pcap, in chunks of any size, into the records of pcapng (draft-ietf-opsawg-pcap): in either byte
 * order, with microseconds or nanoseconds, and the variant of Alexey Kuznetzov with longer packet headers
 * (wiretap/libpcap.h of Wireshark). Versions before 2.4 have the two lengths of a packet the other way round; what
 * else a version may mean nobody looks at.
 */
import { makeSource } from './options.ts'
import type { PcapngReader } from './read.ts'
import type { PcapngRecord } from './records.ts'
import { makeClock, type Time } from './time.ts'

const headerLength = 24

/** What the first four bytes say, as a number in the order of the file. */
const variants = new Map([
  [0xa1b2c3d4, { resolution: 6, packetHeader: 16 }],
  [0xa1b23c4d, { resolution: 9, packetHeader: 16 }],
  [0xa1b2cd34, { resolution: 6, packetHeader: 24 }],
])

/** Longest packet that is read: as many bytes as a block of pcapng may have. */
const longestPacket = 16 * 1024 * 1024

/** Whether a file begins like a pcap file. */
export function isPcap(head: Buffer): boolean {
  return head.length >= 4 && (variants.has(head.readUInt32LE(0)) || variants.has(head.readUInt32BE(0)))
}

/** What the header of a file says. */
interface Header {
  readonly little: boolean
  readonly linkType: number
  readonly snaplen: number
  /** 2 for 2.4. */
  readonly major: number
  readonly minor: number
  readonly resolution: number
  /** Bytes before a packet. */
  readonly packetHeader: number
}

/** A reader at the start of a stream that {@link isPcap}. */
export function pcapFileReader(): PcapngReader {
  let header: Header | undefined
  let rest = Buffer.alloc(0)
  let position = 0
  return {
    *push(chunk) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let at = 0
      const moved = (length: number) => {
        at += length
        position += length
      }
      try {
        if (header === undefined && bytes.length >= headerLength) {
          header = readHeader(bytes)
          moved(headerLength)
          yield* describe(header)
        }
        for (let packet = header && packetAt(bytes, at, header); packet !== undefined; ) {
          moved(packet.length)
          yield packet.record
          packet = header && packetAt(bytes, at, header)
        }
      } catch (error) {
        if (error instanceof RangeError) throw new RangeError(`at byte ${position}: ${error.message}`)
        throw error
      } finally {
        rest = Buffer.from(bytes.subarray(at))
      }
    },
    position: () => position,
    pending: () => rest.length,
  }
}

function readHeader(bytes: Buffer): Header {
  const little = variants.has(bytes.readUInt32LE(0))
  const { view } = makeSource(bytes, little)
  const variant = variants.get(view.getUint32(0, little))
  if (variant === undefined) throw new RangeError('it does not begin as a pcap file')
  const [major, minor] = [view.getUint16(4, little), view.getUint16(6, little)]
  // Above the link type stands the length of a frame check sequence.
  const linkType = view.getUint32(20, little) & 0xffff
  return { little, linkType, snaplen: view.getUint32(16, little), major, minor, ...variant }
}

/** The header as the section and the one interface that pcapng would have. */
function* describe({ little, major, minor, linkType, snaplen, resolution }: Header): Generator<PcapngRecord, void> {
  const unknown = { hardware: undefined, os: undefined, comments: [] }
  const version = `${major}.${minor}`
  yield { kind: 'section', byteOrder: little ? 'LE' : 'BE', version, application: undefined, ...unknown }
  const untold = { name: undefined, description: undefined, filter: undefined, mac: undefined, speed: undefined }
  yield { kind: 'interface', number: 0, linkType, snaplen, clock: makeClock(resolution), ...untold, ...unknown }
}

/** The packet at a place; undefined when it is not whole. */
function packetAt(bytes: Buffer, at: number, header: Header): { record: PcapngRecord; length: number } | undefined {
  const { little, packetHeader, resolution, major, minor } = header
  if (bytes.length - at < packetHeader) return undefined
  const read = (offset: number) => (little ? bytes.readUInt32LE(at + offset) : bytes.readUInt32BE(at + offset))
  const lengths: [number, number] = [read(8), read(12)]
  const swapped = major === 2 && (minor < 3 || (minor === 3 && lengths[0] > lengths[1]))
  const [captured, original] = swapped ? [lengths[1], lengths[0]] : lengths
  if (captured > longestPacket) throw new RangeError(`packet of ${captured} bytes`)
  if (bytes.length - at < packetHeader + captured) return undefined
  return {
    length: packetHeader + captured,
    record: {
      ...{ kind: 'packet', block: 'pcap', interface: 0, captured, original, comments: [], dropped: 0, id: undefined },
      ...{ direction: undefined, reception: undefined, source: bytes, start: at + packetHeader },
      time: timeIn(resolution, read(0), read(4)),
    },
  }
}

/** Some writers have a whole second and more in the fraction. */
function timeIn(resolution: number, seconds: number, fraction: number): Time {
  const nanoseconds = fraction * 10 ** (9 - resolution)
  return { seconds: seconds + Math.floor(nanoseconds / 1e9), nanoseconds: nanoseconds % 1e9 }
}
