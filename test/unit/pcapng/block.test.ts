import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  blockFrame,
  blockTypes,
  decryptionSecretsBlock,
  maximumBlockLength,
  nameResolutionBlock,
  sectionByteOrder,
  sectionHeaderBlock,
} from '../../../src/pcapng/block.ts'

const names = fc.array(
  fc.record({ address: fc.uint8Array({ minLength: 0, maxLength: 17 }), names: fc.array(fc.string()) }),
)

describe('blocks remora writes', () => {
  test('a section header says who wrote it, in host byte order and without a length', () => {
    const block = sectionHeaderBlock('remora 1', 'hello')
    expect(sectionByteOrder(block, 0)).toBe('LE')
    expect(blockFrame(block, 0, true)).toEqual({
      type: blockTypes.sectionHeader,
      start: 0,
      length: block.length,
      told: block.length,
    })
    expect(block.readUInt32LE(block.length - 4)).toBe(block.length)
    expect(block.subarray(16, 24)).toEqual(Buffer.alloc(8, 0xff))
    expect(block.includes('remora 1')).toBe(true)
    expect(block.includes('hello')).toBe(true)
  })

  test('every name resolution block is well-formed and keeps its limit', () => {
    fc.assert(
      fc.property(names, fc.integer({ min: 16, max: 2_000 }), (records, limit) => {
        const block = nameResolutionBlock(records, limit)
        expect(block.length).toBeLessThanOrEqual(limit)
        expect(blockFrame(block, 0, true)?.length).toBe(block.length)
        expect(block.readUInt32LE(block.length - 4)).toBe(block.length)
        expect(readRecords(block).at(-1)).toEqual({ type: 0, value: Buffer.alloc(0) })
      }),
    )
  })

  test('names keep their address, lose NUL bytes, and are cut to 255 bytes at a character', () => {
    const block = nameResolutionBlock([
      { address: Uint8Array.of(10, 0, 0, 1), names: ['we\0b', ''] },
      { address: new Uint8Array(16).fill(7), names: ['é'.repeat(200)] },
      { address: new Uint8Array(5), names: ['nowhere'] },
      { address: Uint8Array.of(10, 0, 0, 2), names: ['\0'] },
    ])
    const [first, second, end] = readRecords(block)
    expect(first).toEqual({ type: 1, value: Buffer.from('\x0a\0\0\x01web\0', 'latin1') })
    expect(second?.type).toBe(2)
    expect(second?.value.subarray(16).toString()).toBe(`${'é'.repeat(127)}\0`)
    expect(end?.type).toBe(0)
  })

  test('the best name stands first and last, one that is alone stands once', () => {
    const address = Uint8Array.of(10, 0, 0, 1)
    const [several, alone] = readRecords(
      nameResolutionBlock([
        { address, names: ['\0', 'web', 'shop/web', 'gateway'] },
        { address, names: ['web', ''] },
      ]),
    )
    expect(several?.value.toString('latin1')).toBe('\x0a\0\0\x01web\0shop/web\0gateway\0web\0')
    expect(alone?.value.toString('latin1')).toBe('\x0a\0\0\x01web\0')
  })
})

describe('decryption secrets', () => {
  test('are a TLS key log in host byte order, padded, unchanged', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), bytes => {
        const block = decryptionSecretsBlock(Buffer.from(bytes))
        expect(blockFrame(block, 0, true)).toEqual({ type: 10, start: 0, length: block.length, told: block.length })
        expect(block.readUInt32LE(8)).toBe(0x544c534b)
        expect(block.readUInt32LE(12)).toBe(bytes.length)
        expect(block.subarray(16, 16 + bytes.length)).toEqual(Buffer.from(bytes))
        expect(block.subarray(16 + bytes.length, -4)).toEqual(Buffer.alloc(-bytes.length & 3))
        expect(block.readUInt32LE(block.length - 4)).toBe(block.length)
      }),
    )
  })

  test('are refused beyond what a reader takes', () => {
    const most = maximumBlockLength - 20
    expect(decryptionSecretsBlock(Buffer.alloc(most))).toHaveLength(maximumBlockLength)
    expect(() => decryptionSecretsBlock(Buffer.alloc(most + 1))).toThrow(RangeError)
  })
})

describe('reading frames', () => {
  test.each([0, 4, 8, 11])('length %d is refused', length => {
    const bytes = Buffer.alloc(16)
    bytes.writeUInt32LE(length, 4)
    expect(() => blockFrame(bytes, 0, true)).toThrow(RangeError)
  })

  test('a length without its padding is told, and the block is as long as with it', () => {
    const bytes = Buffer.alloc(16)
    bytes.writeUInt32LE(13, 4)
    expect(blockFrame(bytes, 0, true)).toEqual({ type: 0, start: 0, length: 16, told: 13 })
  })

  test('too few bytes are no frame yet', () => {
    expect(blockFrame(Buffer.alloc(11), 0, true)).toBeUndefined()
  })

  test('big-endian sections are recognised', () => {
    const bytes = Buffer.alloc(28)
    bytes.writeUInt32BE(blockTypes.sectionHeader, 0)
    bytes.writeUInt32BE(28, 4)
    bytes.writeUInt32BE(0x1a2b3c4d, 8)
    expect(sectionByteOrder(bytes, 0)).toBe('BE')
    expect(blockFrame(bytes, 0, false)?.length).toBe(28)
    bytes.writeUInt32BE(1, 8)
    expect(sectionByteOrder(bytes, 0)).toBeUndefined()
  })
})

function readRecords(block: Buffer): { type: number; value: Buffer }[] {
  const records = []
  for (let at = 8; at < block.length - 4; ) {
    const [type, length] = [block.readUInt16LE(at), block.readUInt16LE(at + 2)]
    records.push({ type, value: Buffer.from(block.subarray(at + 4, at + 4 + length)) })
    at += 4 + length + (-length & 3)
  }
  return records
}
