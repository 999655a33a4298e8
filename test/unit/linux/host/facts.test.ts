import { expect, test } from 'vitest'
import { parseRelease } from '../../../../src/linux/host/facts.ts'

test('os-release', () => {
  expect(Object.fromEntries(parseRelease('NAME="A \\"B\\""\nVERSION=\'1 (x)\'\nVERSION_ID=1\n#c\nnonsense'))).toEqual({
    NAME: 'A "B"',
    VERSION: '1 (x)',
    VERSION_ID: '1',
  })
})
