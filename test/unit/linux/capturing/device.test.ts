import { expect, test } from 'vitest'
import { openingOf, underOwnNames } from '../../../../src/linux/capturing/device.ts'

test.each(['eth0', 'lo', 'br-1', 'nflo', 'xany', '0x', 'a,b', '\x01b', 'é', 'veth-abcdefghi', 'br-0123456789ab'])(
  '%j is opened by its name',
  name => {
    expect(openingOf({ name, index: 7 })).toEqual({})
  },
)

test.each([
  ...['-', '-x', '1', '42', 'ANY', 'TCP@1.2.3.4', 'tcp@host', 'rpcap', 'usbmon1', 'bluetooth0', 'dbus-system'],
  ...['nflog1', 'vale0', '12345678901234', 'bluetooth-mon'],
])('%j would be something else; a colon, which the kernel does not read, makes it a name', name => {
  expect(openingOf({ name, index: 7 })).toEqual({ device: `${name}:` })
})

test.each(['any', 'anycast0', 'nflog', 'nfqueue', '123456789012345', 'TCP@192.168.1.1', 'q\uFFFD#7'])(
  '%j is seen on any, by its index',
  name => {
    expect(openingOf({ name, index: 7 })).toEqual({ device: 'any', only: 'ifindex 7', linkType: 'LINUX_SLL2' })
  },
)

test('statistics get the names of their interfaces, also where two were opened alike', () => {
  const interfaces = [
    { name: 'eth0', description: '' },
    { name: '1', device: '1:', description: '' },
    { name: 'nflog', device: 'any', description: '' },
    { name: 'nfqueue', device: 'any', description: '' },
  ]
  const told = ['eth0', '1:', 'any', 'any', 'other'].map((name, received) => ({ name, received }))
  expect(underOwnNames(told, interfaces)).toEqual(
    ['eth0', '1', 'nflog', 'nfqueue', 'other'].map((name, received) => ({ name, received })),
  )
})
