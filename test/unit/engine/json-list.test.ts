import { describe, expect, test } from 'vitest'
import { readList } from '../../../src/engine/json-list.ts'

/** Reads a text in pieces of so many bytes. */
function elementsOf(text: string, size: number): unknown[] {
  const elements: unknown[] = []
  const list = readList(element => elements.push(element))
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) list.take(bytes.subarray(at, at + size))
  list.end()
  return elements
}

const elements = [{ a: ['[{', '}]'], 'q"\\': '"]' }, {}, { 'é€😀': { deep: [[{}]] } }, { b: null }]

describe('a list', () => {
  test.each<[string, unknown[]]>([
    ['[]', []],
    [' [ ] \n', []],
    ['null\n', []],
    [JSON.stringify(elements), elements],
    [JSON.stringify(elements, null, 2), elements],
  ])('%j is read, in pieces of any length', (text, expected) => {
    for (const size of [1, 2, 3, 7, 64, 100_000]) expect(elementsOf(text, size)).toEqual(expected)
  })

  test.each([
    ['', /no list/],
    ['{}', /no list/],
    ['hello', /no list/],
    ['[', /no list/],
    ['[{"a":1}', /no list/],
    ['[{"a":}]', /JSON/],
    ['[{', /no list/],
    ['x'.repeat(200), /no list of objects/],
    [`[{"a":"${'x'.repeat(1024 * 1024)}"}]`, /too long/],
  ])('%j is none', (text, message) => {
    expect(() => elementsOf(text, 4_096)).toThrow(message)
  })
})
