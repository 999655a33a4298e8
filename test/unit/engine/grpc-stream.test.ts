import fc from 'fast-check'
import { expect, test } from 'vitest'
import { messageReader } from '../../../src/engine/grpc-stream.ts'

/** A message behind its prefix, by hand. */
function framed(content: Uint8Array, compressed = 0): Buffer {
  return Buffer.from([compressed, 0, 0, content.length >> 8, content.length & 0xff, ...content])
}

test('messages are found wherever their stream is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), fc.array(fc.nat(40)), (contents, lengths) => {
      const bytes = Buffer.concat(contents.map(content => framed(content)))
      const found: Buffer[] = []
      const read = messageReader(message => void found.push(message))
      let at = 0
      for (const length of [...lengths, bytes.length]) {
        read(bytes.subarray(at, at + length))
        at = Math.min(at + length, bytes.length)
      }
      expect(found).toEqual(contents.map(content => Buffer.from(content)))
    }),
  )
})

test.each([
  ['too large', Buffer.of(0, 1, 0, 0, 1), /16777217 bytes/],
  ['compressed', framed(Buffer.of(7), 1), /compressed/],
])('a message that is %s is refused at its prefix', (_, bytes, reason) => {
  const read = messageReader(() => expect.unreachable())
  read(bytes.subarray(0, 4))
  expect(() => read(bytes.subarray(4, 5))).toThrow(reason)
})
