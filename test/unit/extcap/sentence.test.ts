import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stableInterfaces } from '../../../extcap/interfaces.ts'
import { attributeText, sentence } from '../../../extcap/sentence.ts'
import { parseSentence } from '../../helpers/sentences.ts'

const nasty = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary' }) },
  fc
    .array(
      fc.constantFrom(
        '}',
        '{',
        ' ',
        '\n',
        '\r',
        '\t',
        '"',
        '=',
        '|',
        'a',
        '\u200d',
        '\u202e',
        '😀',
        '\ud800',
        '\0',
        '\u2028',
      ),
    )
    .map(parts => parts.join('')),
)

describe('sentences', () => {
  test('whatever is in a value, the parser of Wireshark reads back the cleaned text', () => {
    fc.assert(
      fc.property(nasty, nasty, fc.nat(), (value, display, arg) => {
        const line = sentence('value', { arg, value, display, default: true })
        expect(line.split('\n')).toHaveLength(2)
        expect(parseSentence(line)).toEqual({
          word: 'value',
          attributes: {
            arg: String(arg),
            value: attributeText(value),
            display: attributeText(display),
            default: 'true',
          },
        })
      }),
      { numRuns: 20_000 },
    )
  })

  test('cleaned text is printable UTF-8 on one line, and cleaning it again changes nothing', () => {
    fc.assert(
      fc.property(nasty, text => {
        const clean = attributeText(text)
        expect(clean).not.toMatch(/[\p{C}\n{}]/u)
        expect(clean.isWellFormed()).toBe(true)
        expect(attributeText(clean)).toBe(clean)
      }),
      { numRuns: 20_000 },
    )
  })

  test.each([
    ['a}b', 'a)b'],
    ['a} b', 'a) b'],
    ['{x}', '(x)'],
    ['one\ntwo', 'one two'],
    [' spaced ', 'spaced'],
    ['👩‍💻', '👩 💻'],
    ['\u202eevil', 'evil'],
    ['x'.repeat(300), 'x'.repeat(300)],
  ])('%j becomes %j', (text, clean) => {
    expect(attributeText(text)).toBe(clean)
  })

  test('undefined attributes are left out, empty ones kept', () => {
    expect(sentence('arg', { number: 1, tooltip: undefined, value: '' })).toBe('arg {number=1}{value=}\n')
  })
})

describe.each(Object.entries(stableInterfaces))(
  'arguments of %s obey the rules whose breach makes Wireshark abort or lose them',
  (_nif, nif) => {
    test.each(nif.arguments.map(argument => [argument.call, argument] as const))('%s', (_, argument) => {
      expect(argument.call).toMatch(/^[a-z0-9][a-z0-9-]*$/)
      expect([...argument.display].length).toBeLessThanOrEqual(80)
      expect(attributeText(argument.display)).toBe(argument.display)
      expect(['string', 'selector', 'multicheck', 'boolflag', 'unsigned', 'password', 'fileselect']).toContain(
        argument.type,
      )
      if (argument.range !== undefined) expect(argument.range).toMatch(/^\d+,\d+$/)
      for (const text of [argument.tooltip, argument.placeholder, argument.group])
        expect(attributeText(text ?? '')).toBe(text ?? '')
    })

    test('numbers are unique, and none is 0', () => {
      const numbers = nif.arguments.map(({ number }) => number)
      expect(new Set(numbers).size).toBe(numbers.length)
      expect(Math.min(...numbers)).toBeGreaterThan(0)
    })

    test('a secret is only ever an argument that Wireshark does not keep', () => {
      const secret = nif.arguments.filter(({ call, type }) => /token|password/.test(call) && type !== 'fileselect')
      expect(secret.every(({ type }) => type === 'password')).toBe(true)
    })
  },
)
