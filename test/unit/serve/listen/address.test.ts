import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RemoraError } from '../../../../src/base/errors.ts'
import { isLocal, parseListenAddress } from '../../../../src/serve/listen/address.ts'

test.each([
  ['127.0.0.1:5001', { kind: 'tcp', host: '127.0.0.1', port: 5001 }, true],
  ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }, true],
  ['[::1]:80', { kind: 'tcp', host: '::1', port: 80 }, true],
  ['127.0.0.2:80', { kind: 'tcp', host: '127.0.0.2', port: 80 }, true],
  ['[fe80::1%e0]:80', { kind: 'tcp', host: 'fe80::1%e0', port: 80 }, false],
  ['[fe80::1%25e0]:80', { kind: 'tcp', host: 'fe80::1%e0', port: 80 }, false],
  ['[::1%lo]:80', { kind: 'tcp', host: '::1%lo', port: 80 }, true],
  ['[::]:80', { kind: 'tcp', host: '::', port: 80 }, false],
  ['0.0.0.0:5001', { kind: 'tcp', host: '0.0.0.0', port: 5001 }, false],
  ['remora.example:65535', { kind: 'tcp', host: 'remora.example', port: 65_535 }, false],
  ['unix:/run/remora.sock', { kind: 'unix', path: '/run/remora.sock' }, true],
] as const)('%s', (text, address, local) => {
  expect(parseListenAddress(text)).toEqual(address)
  expect(isLocal(address)).toBe(local)
})

test.each([
  '',
  ':5001',
  '5001',
  'host',
  'host:',
  'host:65536',
  '::1:80',
  '[host]:80',
  '127.999.1.1:80',
  '127.1:80',
  '0x7f000001:80',
  '[127.0.0.1]:80',
  'unix:',
  'unix:run/x',
  'a/b:80',
])('%j is no address', text => {
  expect(() => parseListenAddress(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

test('a path that the kernel would cut is none', () => {
  expect(parseListenAddress(`unix:/${'x'.repeat(106)}`).kind).toBe('unix')
  expect(() => parseListenAddress(`unix:/${'x'.repeat(107)}`)).toThrow()
  expect(() => parseListenAddress(`unix:/${'ä'.repeat(54)}`)).toThrow()
})

test('whatever is typed is an address or a wrong use', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      try {
        parseListenAddress(text)
      } catch (error) {
        expect(error).toBeInstanceOf(RemoraError)
      }
    }),
    { numRuns: 10_000 },
  )
})
