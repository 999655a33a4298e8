/** A little-endian pcapng stream as its blocks; by hand, so that it does not share our own mistakes. */

export interface BlockSplitter {
  /** Takes the next piece; the blocks that are whole now. */
  push(chunk: Buffer): Buffer[]
}

export function blockSplitter(): BlockSplitter {
  let rest: Buffer = Buffer.alloc(0)
  return {
    push(chunk) {
      rest = Buffer.concat([rest, chunk])
      const blocks: Buffer[] = []
      while (rest.length >= 12 && rest.length >= rest.readUInt32LE(4)) {
        const length = rest.readUInt32LE(4)
        if (length < 12 || length % 4 > 0 || rest.readUInt32LE(length - 4) !== length) throw new Error('no pcapng')
        blocks.push(rest.subarray(0, length))
        rest = rest.subarray(length)
      }
      return blocks
    },
  }
}

export const splitBlocks = (bytes: Buffer): Buffer[] => blockSplitter().push(bytes)
export const blockType = (block: Buffer): number => block.readUInt32LE(0)
/** Of an enhanced packet, or of statistics. */
export const interfaceNumber = (block: Buffer): number => block.readUInt32LE(8)
/** Nanoseconds. */
export const packetTime = (block: Buffer): bigint =>
  (BigInt(block.readUInt32LE(12)) << 32n) | BigInt(block.readUInt32LE(16))
export const packetData = (block: Buffer): Buffer => block.subarray(28, 28 + block.readUInt32LE(20))

/** Options of a block, from where its fixed part and its data end. */
export function packetOptions(block: Buffer): { code: number; value: Buffer }[] {
  const options = []
  const length = block.readUInt32LE(20)
  for (let at = 28 + length + (-length & 3); at < block.length - 4; ) {
    const [code, size] = [block.readUInt16LE(at), block.readUInt16LE(at + 2)]
    options.push({ code, value: block.subarray(at + 4, at + 4 + size) })
    at += 4 + size + (-size & 3)
  }
  return options
}
