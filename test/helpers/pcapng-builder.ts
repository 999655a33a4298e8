/** Blocks of pcapng in either byte order, made by hand after the draft, so that they do not share our own mistakes. */

export type Order = 'LE' | 'BE'
/** An option: its code, and its value as bytes. */
export type Option = readonly [code: number, value: Buffer]

interface Packet {
  readonly nif?: number
  /** In units of its interface. */
  readonly time?: bigint
  readonly data?: Buffer
  /** Bytes on the wire; default: as many as captured. */
  readonly original?: number
  readonly options?: readonly Option[]
}

/** A maker of blocks. */
export function blocksIn(order: Order) {
  const put = (size: 2 | 4 | 8) => (value: number | bigint) => {
    const bytes = Buffer.alloc(size)
    for (let index = 0, rest = BigInt.asUintN(size * 8, BigInt(value)); index < size; index++, rest >>= 8n) {
      bytes[order === 'LE' ? index : size - 1 - index] = Number(rest & 0xffn)
    }
    return bytes
  }
  const [u16, u32, u64] = [put(2), put(4), put(8)]
  const optionBytes = ([code, value]: Option) => Buffer.concat([u16(code), u16(value.length), padded(value)])
  const options = (list: readonly Option[] = []) =>
    Buffer.concat(list.length === 0 ? [] : [...list.map(optionBytes), u32(0)])
  /** Times have their high half first, whatever the byte order. */
  const stamp = (time: bigint) => Buffer.concat([u32(time >> 32n), u32(time & 0xffffffffn)])
  const block = (type: number, ...parts: Buffer[]) => {
    const length = parts.reduce((sum, part) => sum + part.length, 12)
    return Buffer.concat([u32(type), u32(length), ...parts, u32(length)])
  }
  return {
    u16,
    u32,
    u64,
    stamp,
    block,
    options,
    section: (list?: readonly Option[], major = 1) =>
      block(0x0a0d0d0a, u32(0x1a2b3c4d), u16(major), u16(0), u64(0xffffffffffffffffn), options(list)),
    description: (list?: readonly Option[], { linkType = 1, snaplen = 0 } = {}) =>
      block(1, u16(linkType), u16(0), u32(snaplen), options(list)),
    packet: ({ nif = 0, time = 0n, data = Buffer.alloc(0), original = data.length, options: list }: Packet) =>
      block(6, u32(nif), stamp(time), u32(data.length), u32(original), padded(data), options(list)),
    simple: (data: Buffer, original = data.length) => block(3, u32(original), padded(data)),
    obsolete: ({ nif = 0, time = 0n, data = Buffer.alloc(0), options: list }: Packet, drops: number) =>
      block(
        ...([2, u16(nif), u16(drops), stamp(time), u32(data.length), u32(data.length), padded(data)] as const),
        options(list),
      ),
    statistics: (nif: number, time: bigint, list?: readonly Option[]) => block(5, u32(nif), stamp(time), options(list)),
    names: (records: readonly Option[]) => block(4, ...records.map(optionBytes), u32(0)),
    secrets: (type: number, secret: Buffer) => block(10, u32(type), u32(secret.length), padded(secret)),
  }
}

type Blocks = ReturnType<typeof blocksIn>

/** Nanoseconds since 1970. */
export const now = 1_795_240_569_476_906_206n

/** Every block and option the reader knows, and some it does not. */
export function everything(blocks: Blocks): Buffer[] {
  const { u32, u64, stamp } = blocks
  return [
    blocks.section([
      [1, text('a comment')],
      [2, text('hardware')],
      [3, text('Linux')],
      [4, text('a program\0')],
      [1, text('another')],
      [0x7fff, text('who knows')],
    ]),
    blocks.description(
      [
        [2, text('web/eth0')],
        [3, text('docker web')],
        [6, Buffer.from([2, 0, 0, 0, 0, 1])],
        [8, u64(10_000_000_000n)],
        [9, Buffer.from([9])],
        [11, text('\0tcp port 80')],
        [12, text('Linux 6')],
        [15, text('veth')],
        [2988, text('custom')],
      ],
      { snaplen: 6 },
    ),
    blocks.description(
      [
        [11, Buffer.from([1, 7, 7, 7])],
        [14, u64(-3_600n)],
      ],
      { linkType: 276, snaplen: 4 },
    ),
    blocks.packet({ time: now, data: text('hello') }),
    blocks.packet({
      nif: 1,
      time: now / 1_000n,
      data: text('hello!'),
      original: 1_500,
      options: [
        [1, text('a new life')],
        [2, u32(0b01101)],
        [3, text('\x02hash')],
        [4, u64(7)],
        [5, u64(0xfedcba9876543210n)],
        [1, text('é')],
      ],
    }),
    blocks.simple(text('simply'), 9),
    blocks.obsolete({ nif: 1, time: 1n, data: text('old'), options: [[2, u32(2)]] }, 3),
    blocks.obsolete({ time: 1n }, 0xffff),
    blocks.statistics(0, now, [
      [2, stamp(now - 5n)],
      [3, stamp(now)],
      [4, u64(10)],
      [5, u64(2)],
      [6, u64(8)],
      [7, u64(1)],
      [8, u64(0xffffffffffffffffn)],
    ]),
    blocks.names([
      [1, text('\x0a\0\0\x01web\0www\0')],
      [2, Buffer.concat([Buffer.alloc(16, 7), text('six\0')])],
      [3, text('123456mac\0')],
    ]),
    blocks.secrets(0x544c534b, text('CLIENT_RANDOM 1 2')),
    blocks.block(0xbad, text('12345678')),
  ]
}

/** A text as the value of an option. */
export function text(value: string): Buffer {
  return Buffer.from(value)
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
}
