/** Blocks as dumpcap writes them, little-endian; made by hand, so that they do not share our own mistakes. */

function block(type: number, body: Buffer): Buffer {
  const length = 12 + body.length
  const bytes = Buffer.alloc(length)
  bytes.writeUInt32LE(type, 0)
  bytes.writeUInt32LE(length, 4)
  body.copy(bytes, 8)
  bytes.writeUInt32LE(length, length - 4)
  return bytes
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
}

function option(code: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16LE(code, 0)
  head.writeUInt16LE(value.length, 2)
  return padded(Buffer.concat([head, value]))
}

const endOfOptions = option(0, Buffer.alloc(0))

/** A section header without options, of unknown length. */
export function sectionHeader(): Buffer {
  const fixed = Buffer.alloc(16, 0xff)
  fixed.writeUInt32LE(0x1a2b3c4d, 0)
  fixed.writeUInt32LE(1, 4)
  return block(0x0a0d0d0a, fixed)
}

/** A capture of two packets that ends without statistics. */
export function twoPackets(): Buffer {
  const packets = [1n, 2n].map(time => packet(0, time, `packet ${time} of two, which says nothing${'.'.repeat(40)}`))
  return Buffer.concat([sectionHeader(), description(), ...packets])
}

/** An interface description; its name says eth0, its time unit what is given. */
export function description(resolution?: number): Buffer {
  const fixed = Buffer.from([1, 0, 0, 0, 0, 0, 4, 0])
  const unit = resolution === undefined ? [] : [option(9, Buffer.from([resolution]))]
  return block(1, Buffer.concat([fixed, option(2, Buffer.from('eth0')), ...unit, endOfOptions]))
}

/** An enhanced packet; the time is in units of its interface. */
export function packet(number: number, time: bigint, data: string, hasOptions = false): Buffer {
  const bytes = Buffer.from(data)
  const fixed = Buffer.alloc(20)
  fixed.writeUInt32LE(number, 0)
  fixed.writeUInt32LE(Number(time >> 32n), 4)
  fixed.writeUInt32LE(Number(time & 0xffffffffn), 8)
  fixed.writeUInt32LE(bytes.length, 12)
  fixed.writeUInt32LE(bytes.length, 16)
  const options = hasOptions ? [option(2, Buffer.from([1, 0, 0, 0])), endOfOptions] : []
  return block(6, Buffer.concat([fixed, padded(bytes), ...options]))
}

/** Interface statistics. */
export function statistics(number: number): Buffer {
  const fixed = Buffer.alloc(12)
  fixed.writeUInt32LE(number, 0)
  return block(5, fixed)
}
