/**
 * The driver behind an interface and its part in SR-IOV, as far as /sys tells: only of the namespace /sys was mounted in,
 * and only of devices on a bus (Documentation/ABI/testing/sysfs-class-net, sysfs-bus-pci).
 */
import { basename } from 'node:path'
import type { Driver } from '../../ghostwire/snapshot.ts'
import { readLink, readText } from '../process/proc.ts'

/** The driver of an interface of our own namespace; undefined for one without a device. */
export function readDriver(name: string, sys = '/sys'): Driver | undefined {
  if (name.includes('/') || name === '.' || name === '..') return undefined
  const device = `${sys}/class/net/${name}/device`
  const bus = linkName(device)
  if (bus === '') return undefined
  const parentBus = linkName(`${device}/physfn`)
  const isParent = Number(readText(`${device}/sriov_numvfs`) ?? 0) > 0
  const role = parentBus === '' ? (isParent ? 1 : 0) : 2
  const driver = linkName(`${device}/driver`)
  const version = readText(`${device}/driver/module/version`)?.trim() ?? ''
  return { name: driver, version, firmware: '', bus, role, parentBus }
}

function linkName(path: string): string {
  return basename(readLink(path) ?? '')
}
