import { expect, test } from 'vitest'
import { containerInterface } from '../../../extcap/interfaces.ts'
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

test('the newest of those that look alike is the one listed', () => {
  expect(uniqueInterfaces([{ name: 'Web' }, { name: 'web' }]).map(({ container }) => container.name)).toEqual(['Web'])
})
