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

export type Blocks = ReturnType<typeof blocksIn>

/** A text as the value of an option. */
export function text(value: string): Buffer {
  return Buffer.from(value)
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
}
