/** Where a device is, as the files of /sys tell it. */
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readDriver } from '../../../../src/linux/network/driver.ts'
import { scratch } from '../../../helpers/scratch.ts'

const sys = scratch()
const add = (name: string, device: string, bus: string) => {
  mkdirSync(join(sys, 'devices', device), { recursive: true })
  mkdirSync(join(sys, 'class/net', name), { recursive: true })
  symlinkSync(`../../bus/${bus}`, join(sys, 'devices', device, 'subsystem'))
  symlinkSync(`../../../devices/${device}`, join(sys, 'class/net', name, 'device'))
}

test('of a card its own, of one of a hypervisor that of the card it is part of', () => {
  add('eth0', 'pci0000:00/0000:00:03.0/virtio2', 'virtio')
  add('eth1', 'pci0000:00/0000:00:04.0', 'pci')
  mkdirSync(join(sys, 'class/net/lo'))
  expect(['eth0', 'eth1', 'lo', 'none', '..'].map(name => readDriver(name, sys)?.bus)).toEqual([
    '0000:00:03.0',
    '0000:00:04.0',
    undefined,
    undefined,
    undefined,
  ])
})
