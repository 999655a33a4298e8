/** The frames of the stock peers: a reader that lets a violation pass would let the project's own code pass. */
import { describe, expect, test } from 'vitest'
import { frame, frameReader, opcodes, readClose } from '../helpers/websocket.ts'

describe('the strict reader', () => {
  const violations: [string, number[]][] = [
    ['reserved bits are set', [0xc2, 0]],
    ['bad opcode 3', [0x83, 0]],
    ['a masked frame', [0x82, 0x80, 0, 0, 0, 0]],
    ['a fragmented control frame', [0x09, 0]],
    ['a control frame of more than 125 bytes', [0x89, 126, 0, 126]],
    ['a length in more bytes than it takes', [0x82, 126, 0, 125]],
    ['a continuation of nothing', [0x80, 0]],
    ['a message inside a fragmented one', [0x02, 0, 0x82, 0]],
    ['something follows the close frame', [0x88, 0, 0x82, 0]],
  ]
  test.each(violations)('notices %s', (problem, bytes) => {
    expect(() => [...frameReader(false).push(Buffer.from(bytes))]).toThrow(problem)
  })

  test('takes fragments, frames byte by byte, and every size of length', () => {
    const payloads = [0, 125, 126, 65_535, 65_536].map(length => Buffer.alloc(length, length))
    const frames = payloads.map(payload => frame(opcodes.binary, payload, true))
    const reader = frameReader(true)
    const read = [...Buffer.concat(frames)].flatMap(byte => [...reader.push(Buffer.from([byte]))])
    expect(read.every(({ payload }, index) => payload.equals(payloads[index] ?? Buffer.from('?')))).toBe(true)
    expect(read.length).toBe(5)
    const fragments = [0x02, 1, 97, 0x89, 0, 0x80, 1, 98]
    expect([...frameReader(false).push(Buffer.from(fragments))].map(({ opcode }) => opcode)).toEqual([2, 9, 0])
  })

  test('takes only close codes that may be sent', () => {
    const close = (code: number) => Buffer.from([code >> 8, code & 255])
    const refused = [0, 999, 1004, 1005, 1006, 1014, 1015, 1016, 2999, 5000]
    for (const code of refused) expect(() => readClose(close(code))).toThrow(`bad close code ${code}`)
    for (const code of [1000, 1001, 1011, 3000, 4400, 4999]) expect(readClose(close(code)).code).toBe(code)
    expect(readClose(Buffer.alloc(0)).code).toBe(1005)
    expect(() => readClose(Buffer.from([3]))).toThrow('half a close code')
    expect(() => readClose(Buffer.from([3, 232, 0xff]))).toThrow('no UTF-8')
  })
})
