/**
 * A capture file that broke off ends in the middle of a block; everything before that block is good. Readers complain
 * about the rest, so it is cut away.
 */
import { fstatSync, ftruncateSync, readSync } from 'node:fs'
import { blockFrame, sectionByteOrder } from '../pcapng/block.ts'

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
  const window = Buffer.alloc(windowSize)
  let windowStart = 0
  let filled = 0
  let position = 0
  let littleEndian = true
  while (position + 12 <= size) {
    if (position < windowStart || position + 12 > windowStart + filled) {
      windowStart = position
      filled = readSync(fd, window, 0, windowSize, position)
    }
    const view = window.subarray(0, filled)
    const order = sectionByteOrder(view, position - windowStart)
    if (order !== undefined) littleEndian = order === 'LE'
    const length = lengthAt(view, position - windowStart, littleEndian)
    if (length === undefined || position + length > size) break
    position += length
  }
  return position
}

function lengthAt(view: Buffer, at: number, littleEndian: boolean): number | undefined {
  try {
    return blockFrame(view, at, littleEndian)?.length
  } catch {
    return undefined
  }
}
