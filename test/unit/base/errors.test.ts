import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { errorKinds, RemoraError, reasonOf, systemCode, toRemoraError } from '../../../src/base/errors.ts'
import { version } from '../../../src/base/version.ts'

test('the version is that of package.json', () => {
  expect(JSON.parse(readFileSync('package.json', 'utf8')).version).toBe(version)
})

test('statuses are those of the contract', () => {
  const statuses = Object.fromEntries(
    Object.entries(errorKinds).map(([code, { exit, http, close }]) => [code, [exit, http, close]]),
  )
  expect(statuses).toEqual({
    USAGE: [2, 400, 1008],
    TARGET_NOT_FOUND: [3, 404, 1008],
    TARGET_AMBIGUOUS: [3, 409, 1008],
    TARGET_STALE: [3, 410, 1008],
    FORBIDDEN: [4, 403, 1008],
    UNAUTHORIZED: [4, 401, 1008],
    TOOL_MISSING: [5, 503, 1011],
    FILTER_INVALID: [6, 400, 1008],
    INTERFACE_NOT_FOUND: [6, 400, 1008],
    CAPTURE_FAILED: [7, 500, 1011],
    PEER_FAILED: [8, 502, 1011],
    LIMIT: [9, 429, 1013],
    WAIT_TIMEOUT: [10, 408, 1008],
    BUG: [70, 500, 1011],
  })
})

test('what remora does not know is a bug, with its cause kept', () => {
  const cause = new TypeError('x is not a function')
  expect(toRemoraError(cause)).toMatchObject({ code: 'BUG', exit: 70, message: 'x is not a function', cause })
  expect(toRemoraError('text')).toMatchObject({ code: 'BUG', message: 'text' })
  const known = new RemoraError('LIMIT', 'too many')
  expect(toRemoraError(known)).toBe(known)
})

test('a failure that libuv has no name for is known by its number', () => {
  const text = 'Unknown system error -122: Unknown system error -122, write'
  const quota = Object.assign(new Error(text), { errno: -122, code: 'Unknown system error -122', syscall: 'write' })
  expect([systemCode(quota), reasonOf(quota)]).toEqual(['EDQUOT', 'EDQUOT: disk quota exceeded'])
  const stale = Object.assign(new Error('UNKNOWN: unknown error, read'), { errno: -116, code: 'UNKNOWN' })
  expect([systemCode(stale), reasonOf(stale)]).toEqual(['ESTALE', 'ESTALE: stale file handle'])
})

test('system codes and reasons are read from whatever was thrown', () => {
  expect(systemCode(Object.assign(new Error('no'), { code: 'ENOENT' }))).toBe('ENOENT')
  expect(systemCode('ENOENT')).toBeUndefined()
  expect(reasonOf(new Error('first\nsecond'))).toBe('first')
  expect(reasonOf(42)).toBe('42')
})
