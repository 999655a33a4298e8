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
    ['{"message":"no list"}', []],
    ['[1, "a,]\\"[{", null, true, [{"in": 1}], {"a": 1} , -2e3]', [[{ in: 1 }], { a: 1 }]],
    [JSON.stringify(elements), elements],
    [JSON.stringify(elements, null, 2), elements],
  ])('%j is read, in pieces of any length', (text, expected) => {
    for (const size of [1, 2, 3, 7, 64, 100_000]) expect(elementsOf(text, size)).toEqual(expected)
  })

  test.each([
    ['', /does not end/],
    [' ', /does not end/],
    ['hello', /JSON/],
    ['[', /does not end/],
    ['[{"a":1}', /does not end/],
    ['[{"a":}]', /JSON/],
    ['[{', /does not end/],
    ['[{"a":1}}]', /JSON/],
    ['[] x', /behind the list/],
    [`[{"a":"${'x'.repeat(1024 * 1024)}"}]`, /too long/],
    [`"${'x'.repeat(1024 * 1024)}"`, /too long/],
  ])('%j is none', (text, message) => {
    expect(() => elementsOf(text, 4_096)).toThrow(message)
  })
})
