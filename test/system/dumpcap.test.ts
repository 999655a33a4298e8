import { expect, test } from 'vitest'
import { readDumpcapVersion } from '../../src/linux/capturing/dumpcap.ts'

test('the version is told, also when the one who asked first was told to stop', async () => {
  expect(await readDumpcapVersion(AbortSignal.abort())).toBeUndefined()
  expect(await readDumpcapVersion()).toMatch(/^\d+\.\d+\.\d+/)
})
