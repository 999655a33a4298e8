/** The encoding of protocol buffers: what is written is read again, and nothing that is read does harm. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode, encode, type Message } from '../../../src/engine/protobuf.ts'

const inner = { name: [1, 'string'], tags: [15, 'string', 'repeated'] } as const satisfies Message
const message = {
  text: [1, 'string'],
  count: [2, 'number'],
  flag: [3, 'boolean'],
  raw: [4, 'bytes'],
  labels: [5, 'map'],
  one: [6, inner],
  many: [100, inner, 'repeated'],
} as const satisfies Message

const text = fc.string({ unit: 'binary' })
const innerContent = fc.record({ name: text, tags: fc.array(text) })
const content = fc.record({
  text,
  count: fc.maxSafeInteger(),
  flag: fc.boolean(),
  raw: fc.uint8Array(),
  labels: fc.dictionary(text, text).map(labels => ({ ...labels })),
  one: innerContent,
  many: fc.array(innerContent),
})

describe('a message', () => {
  test('that was written is read again', () => {
    fc.assert(
      fc.property(content, sent => {
        expect(decode(message, Uint8Array.from(encode(message, sent)))).toEqual(sent)
      }),
    )
  })

  test('without anything has the default of every field', () => {
    expect(decode(message, Buffer.alloc(0))).toEqual({
      ...{ text: '', count: 0, flag: false, raw: new Uint8Array(), labels: {}, one: undefined, many: [] },
    })
  })

  test('as protoc writes it', () => {
    expect(encode(message, { text: 'testing', count: 150 }).toString('hex')).toBe(`0a07${'74657374696e67'}109601`)
    expect(decode(message, Buffer.from('10ffffffffffffffffff01', 'hex')).count).toBe(-1)
  })

  test('with fields that are not known, or of another type than expected, is read without them', () => {
    const wider = { ...message, more: [7, 'string'], evenMore: [8, 'number'] } as const
    const sent = encode(wider, { text: 'a', more: 'b', evenMore: 5 })
    expect(decode(message, sent)).toMatchObject({ text: 'a' })
    const other = encode({ text: [1, 'number'], count: [2, 'string'] }, { text: 5, count: 'x' })
    expect(decode(message, other)).toMatchObject({ text: '', count: 0 })
  })

  test('of a field that is there twice has the last, and a label may have any name', () => {
    const twice = Buffer.concat([encode(message, { text: 'a' }), encode(message, { text: 'b' })])
    expect(decode(message, twice).text).toBe('b')
    const sent = JSON.parse('{"__proto__":"x","constructor":"y"}')
    expect(Object.entries(decode(message, encode(message, { labels: sent })).labels)).toEqual(Object.entries(sent))
  })

  test('that ends within a field is refused', () => {
    expect(() => decode(message, Uint8Array.of(0x0a, 0x05, 0x61))).toThrow(/ends within a field/)
    expect(() => decode(message, Uint8Array.of(0x32, 0x02, 0x0a, 0x09))).toThrow(/ends within a field/)
  })

  test('of any bytes is read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        try {
          decode(message, bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
    )
  })
})
