import { timingSafeEqual } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { isExposed, isSameToken, readOrMakeToken, readToken } from '../../../../src/serve/auth/token.ts'
import { scratch } from '../../../helpers/scratch.ts'

// The real one, which remembers what it was asked.
vi.mock(import('node:crypto'), async importOriginal => {
  const crypto = await importOriginal()
  return { ...crypto, timingSafeEqual: vi.fn(crypto.timingSafeEqual) }
})

const usage = expect.objectContaining({ code: 'USAGE' })

test('where there is no file, one is made for its owner alone', () => {
  const path = join(scratch(), 'token')
  const { token, made } = readOrMakeToken(path)
  expect(made).toBe(true)
  expect(readFileSync(path, 'utf8')).toBe(`${token}\n`)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(isExposed(path)).toBe(false)
  expect(readOrMakeToken(path)).toEqual({ token, made: false })
  chmodSync(path, 0o644)
  expect(isExposed(path)).toBe(true)
})

test('reading alone makes none', () => {
  const path = join(scratch(), 'token')
  expect(() => readToken(path)).toThrow(usage)
  expect(existsSync(path)).toBe(false)
})

test('a link to nowhere is not followed', () => {
  const folder = scratch()
  symlinkSync(join(folder, 'elsewhere'), join(folder, 'token'))
  expect(() => readOrMakeToken(join(folder, 'token'))).toThrow(usage)
  expect(existsSync(join(folder, 'elsewhere'))).toBe(false)
})

test.each(['', 'short', 'blank in the middle of it', 'ä'.repeat(20), '\0'.repeat(20)])('%j is no token', content => {
  const path = join(scratch(), 'token')
  writeFileSync(path, content)
  expect(() => readOrMakeToken(path)).toThrow(usage)
})

test('tokens of any length are compared', () => {
  expect(isSameToken('a-token', 'a-token')).toBe(true)
  for (const given of ['', 'a-toke', 'a-token ', 'A-token', 'x'.repeat(100_000)]) {
    expect(isSameToken(given, 'a-token')).toBe(false)
  }
})

test('the time it takes tells nothing: digests of one length are compared, in constant time', () => {
  vi.mocked(timingSafeEqual).mockClear()
  for (const given of ['', 'a-toke', 'a-token', 'x'.repeat(100_000)]) isSameToken(given, 'a-token')
  expect(vi.mocked(timingSafeEqual).mock.calls.map(([one, other]) => [one.byteLength, other.byteLength])).toEqual(
    Array(4).fill([32, 32]),
  )
})
