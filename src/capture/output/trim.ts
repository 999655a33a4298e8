/**
 * A capture file that broke off ends in the middle of a block; everything before that block is good. Readers complain
 * about the rest, so it is cut away.
 */
import { fstatSync, ftruncateSync, readSync } from 'node:fs'
import { blockFrame, sectionByteOrder } from '../../pcapng/block.ts'

const windowSize = 1024 * 1024

/**
 * Cuts a pcapng file behind its last whole block.
 * @returns bytes that were cut away
 */
export function trimToWholeBlocks(fd: number): number {
  const { size } = fstatSync(fd)
  const end = wholeBlocks(fd, size)
  if (end < size) ftruncateSync(fd, end)
  return size - end
}

/** Offset behind the last whole block, read through a window so that a large file costs little memory. */
function wholeBlocks(fd: number, size: number): number {
  const bytesAt = windowOf(fd)
  let position = 0
  let littleEndian = true
  while (position + 12 <= size) {
    const order = sectionByteOrder(bytesAt(position, 12), 0)
    if (order !== undefined) littleEndian = order === 'LE'
    const length = lengthOf(bytesAt(position, 12), littleEndian)
    if (length === undefined || position + length > size) break
    // A block ends with its length once more; if not, something in it is missing.
    const trailer = bytesAt(position + length - 4, 4)
    if ((littleEndian ? trailer.readUInt32LE() : trailer.readUInt32BE()) !== length) break
    position += length
  }
  return position
}

/** Reads a few bytes at a time out of a file, in large pieces. */
function windowOf(fd: number): (position: number, length: number) => Buffer {
  const window = Buffer.alloc(windowSize)
  let start = 0
  let filled = 0
  return (position, length) => {
    if (position < start || position + length > start + filled) {
      start = position
      filled = readSync(fd, window, 0, windowSize, position)
    }
    return window.subarray(position - start, position - start + length)
  }
}

function lengthOf(header: Buffer, littleEndian: boolean): number | undefined {
  try {
    return blockFrame(header, 0, littleEndian)?.length
  } catch {
    return undefined
  }
}
