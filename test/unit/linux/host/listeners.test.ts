import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseListening } from '../../../../src/linux/host/listeners.ts'
import { resolveInRoot } from '../../../../src/linux/namespace/file-in-root.ts'
import { scratch } from '../../../helpers/scratch.ts'

test('listening stream sockets are picked out of the table of unix sockets', () => {
  const table = [
    'Num       RefCount Protocol Flags    Type St Inode Path',
    '0000000000000000: 00000002 00000000 00010000 0001 01  3456 /run/docker.sock',
    '0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/with blank.sock',
    '0000000000000000: 00000003 00000000 00000000 0001 03  7777 /run/connected.sock',
    '0000000000000000: 00000002 00000000 00010000 0005 01  8888 /run/seqpacket.sock',
    '0000000000000000: 00000002 00000000 00010000 0001 01  9999 @abstract',
    '0000000000000000: 00000002 00000000 00010000 0001 01  9998',
    'garbage',
  ].join('\n')
  expect([...parseListening(table)]).toEqual([
    [3456, '/run/docker.sock'],
    [12345, '/run/with blank.sock'],
  ])
})

describe('a path in another root', () => {
  const root = scratch()
  mkdirSync(join(root, 'run/deep'), { recursive: true })
  mkdirSync(join(root, 'var'))
  writeFileSync(join(root, 'run/engine.sock'), '')
  symlinkSync('/run', join(root, 'var/run'))
  symlinkSync('../../../../../../run', join(root, 'run/deep/up'))
  symlinkSync('loop', join(root, 'loop'))
  symlinkSync('/proc/1/root/etc', join(root, 'out'))

  test.each([
    ['/run/engine.sock', '/run/engine.sock'],
    ['/var/run/engine.sock', '/run/engine.sock'],
    ['/run/deep/up/engine.sock', '/run/engine.sock'],
    ['/../../run/./engine.sock', '/run/engine.sock'],
    ['/', ''],
    ['/loop', undefined],
    ['/out/passwd', undefined],
    ['/nothing', undefined],
  ])('%s stays in it', (path, expected) => {
    expect(resolveInRoot(root, path)).toBe(expected === undefined ? undefined : root + expected)
  })
})
