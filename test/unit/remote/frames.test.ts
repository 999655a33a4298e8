import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CloseReason } from '../../../src/protocol/packetflix/close.ts'
import { frameReader } from '../../../src/remote/frames.ts'
import { closePayload, frame, opcodes } from '../../helpers/websocket.ts'

/** All that a reader makes of bytes that come in pieces. */
function readIn(pieces: readonly Uint8Array[]) {
  const told: { texts: string[]; pings: string[]; pongs: number; closes: CloseReason[] } = {
    ...{ texts: [], pings: [], pongs: 0, closes: [] },
  }
  const reader = frameReader({
    text: text => void told.texts.push(text),
    ping: content => void told.pings.push(content.toString()),
    pong: () => void told.pongs++,
    close: reason => void told.closes.push(reason),
  })
  const taken: Buffer[] = []
  for (const piece of pieces) {
    // A buffer that is longer than what came, as it is in use.
    const buffer = Buffer.concat([piece, Buffer.alloc(20, 0x82)])
    taken.push(Buffer.from(reader.read(buffer, piece.length)))
  }
  return { ...told, content: Buffer.concat(taken), fault: reader.fault }
}

const server = (opcode: number, content: Uint8Array | string, isFinal = true): Buffer => {
  const bytes = frame(opcode, Buffer.from(content), false)
  if (!isFinal) bytes[0] = opcode
  return bytes
}

/** Every length of a head, empty frames, parts with a ping between them. */
const conversation = Buffer.concat([
  server(opcodes.binary, ''),
  server(opcodes.binary, 'a'.repeat(125)),
  server(opcodes.text, '{"note":"ärmed"}'),
  server(opcodes.binary, 'b'.repeat(126)),
  server(opcodes.binary, 'c'.repeat(70_000)),
  server(opcodes.binary, 'd', false),
  server(opcodes.ping, 'there?'),
  server(opcodes.continuation, 'e', false),
  server(opcodes.continuation, ''),
  server(opcodes.text, 'one ', false),
  server(opcodes.pong, ''),
  server(opcodes.continuation, 'text'),
  server(opcodes.close, closePayload(1000, 'ciao')),
  Buffer.from('what follows the close frame'),
])

test('frames are read wherever they are cut, and their content is brought together', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), sizes => {
      const pieces: Buffer[] = []
      for (let at = 0, index = 0; at < conversation.length; index++) {
        const size = (sizes[index % sizes.length] ?? 1) * (index % 3 === 0 ? 100 : 1)
        pieces.push(conversation.subarray(at, at + size))
        at += size
      }
      const { content, texts, pings, pongs, closes, fault } = readIn(pieces)
      expect(fault).toBeUndefined()
      expect(content.toString()).toBe(`${'a'.repeat(125)}${'b'.repeat(126)}${'c'.repeat(70_000)}de`)
      expect(texts).toEqual(['{"note":"ärmed"}', 'one text'])
      expect({ pings, pongs, closes }).toEqual({
        ...{ pings: ['there?'], pongs: 1, closes: [{ code: 1000, reason: 'ciao' }] },
      })
    }),
    { numRuns: 300 },
  )
})

test.each<[string, CloseReason, Buffer]>([
  ['without a code', { code: 1005, reason: '' }, Buffer.alloc(0)],
  ['with a code alone', { code: 4999, reason: '' }, closePayload(4999)],
  [
    'with a code that must not be sent',
    { code: 1006, reason: 'no such container' },
    closePayload(1006, 'no such container'),
  ],
])('a close frame %s', (_, reason, content) => {
  expect(readIn([server(opcodes.close, content)]).closes).toEqual([reason])
})

test.each<[string, Buffer]>([
  ['a masked frame', frame(opcodes.binary, Buffer.from('x'), true)],
  ['reserved bits', Buffer.from('c20178', 'hex')],
  ['an opcode nobody knows', Buffer.from('830178', 'hex')],
  ['a frame of any length', Buffer.from('827f7fffffffffffffff', 'hex')],
  ['a ping in parts', Buffer.from('0900', 'hex')],
  ['a long ping', server(opcodes.ping, 'x'.repeat(126))],
  ['a continuation of nothing', server(opcodes.continuation, 'x')],
  ['a message inside another', Buffer.concat([server(opcodes.binary, 'x', false), server(opcodes.binary, 'y')])],
  ['a text that is no UTF-8', server(opcodes.text, Buffer.of(0xff, 0xfe))],
  ['a long text', server(opcodes.text, 'x'.repeat(1_100_000))],
  ['half a close code', Buffer.from('880103', 'hex')],
  ['a close code nobody may use', server(opcodes.close, closePayload(2999))],
  ['a reason that is no UTF-8', Buffer.from('880403e8fffe', 'hex')],
])('%s ends the reading, and what came before it is kept', (_, bytes) => {
  const before = server(opcodes.binary, 'packets')
  const { content, fault } = readIn([Buffer.concat([before, bytes]), before])
  expect(content.toString('latin1')).toMatch(/^packetsx?$/)
  expect(fault).toBeInstanceOf(Error)
})
