import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { trimToWholeBlocks } from '../../../../src/capture/output/trim.ts'
import { nameResolutionBlock, sectionHeaderBlock } from '../../../../src/pcapng/block.ts'
import { scratch } from '../../../helpers/scratch.ts'

describe('a file that broke off', () => {
  const blocks = [
    sectionHeaderBlock('test', 'comment'),
    nameResolutionBlock([{ address: Uint8Array.of(1, 2, 3, 4), names: ['a'] }]),
    nameResolutionBlock([]),
  ]
  const ends = [0, 1, 2, 3].map(count => Buffer.concat(blocks.slice(0, count)).length)
  const whole = Buffer.concat(blocks)

  test('keeps every whole block, wherever it broke', () => {
    for (let size = 0; size <= whole.length; size++) {
      const fd = openSync(join(scratch(), 'f'), 'w+')
      writeSync(fd, whole.subarray(0, size))
      const cut = trimToWholeBlocks(fd)
      const kept = Math.max(...ends.filter(end => end <= size))
      expect([fstatSync(fd).size, cut]).toEqual([kept, size - kept])
      closeSync(fd)
    }
  })

  test('garbage behind the last block is cut away', () => {
    const fd = openSync(join(scratch(), 'f'), 'w+')
    writeSync(fd, Buffer.concat([whole, Buffer.alloc(40, 0xff)]))
    expect(trimToWholeBlocks(fd)).toBe(40)
    closeSync(fd)
  })

  test('a file of many megabytes is read through a window', () => {
    const fd = openSync(join(scratch(), 'f'), 'w+')
    const block = nameResolutionBlock(
      Array.from({ length: 900 }, (_, index) => ({ address: Uint8Array.of(1, 2, 3, 4), names: [`${index}`] })),
    )
    for (let index = 0; index < 300; index++) writeSync(fd, block)
    writeSync(fd, block, 0, block.length - 1)
    expect(trimToWholeBlocks(fd)).toBe(block.length - 1)
    closeSync(fd)
  })
})
