import { describe, expect, test } from 'vitest'
import { stableInterfaces } from '../../../extcap/interfaces.ts'
import { attributeText, sentence } from '../../../extcap/sentence.ts'

describe('sentences', () => {
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
