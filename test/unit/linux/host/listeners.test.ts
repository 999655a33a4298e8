import { expect, test } from 'vitest'
import { parseListening } from '../../../../src/linux/host/listeners.ts'

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
