import fc from 'fast-check'
import { expect, test } from 'vitest'
import { containerInterface, preferenceKey } from '../../../extcap/interfaces.ts'
import { attributeText } from '../../../extcap/sentence.ts'
import { uniqueInterfaces } from '../../../extcap/step-interfaces.ts'

test.each([
  ['web', 'remora-web'],
  ['shop_web.1', 'remora-shop_web.1'],
  ['default/web', 'remora-default_web'],
  ['a,(b)', 'remora-a_b_'],
  ['größe', 'remora-größe'],
])('%s becomes interface %s', (name, nif) => {
  expect(containerInterface(name)).toBe(nif)
})

test('whatever a container is called, Wireshark can name its interface and lists it once', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), names => {
      const listed = uniqueInterfaces(names.map(name => ({ name })))
      const keys = listed.map(({ value }) => preferenceKey(value))
      expect(new Set(keys).size).toBe(keys.length)
      for (const { value } of listed) {
        expect(value).toMatch(/^remora-/)
        expect(value).not.toMatch(/[,()\s/:\\{}]/)
        expect(attributeText(value)).toBe(value)
      }
    }),
  )
})

test('the newest of those that look alike is the one listed', () => {
  expect(uniqueInterfaces([{ name: 'Web' }, { name: 'web' }]).map(({ container }) => container.name)).toEqual(['Web'])
})
