/**
 * The driver behind an interface and its part in SR-IOV, as far as /sys tells: only of the namespace /sys was mounted in,
 * and only of devices on a bus (Documentation/ABI/testing/sysfs-class-net, sysfs-bus-pci).
 */
import { realpathSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Driver } from '../../model/interface.ts'
import { readLink, readText } from '../process/proc.ts'

/** The driver of an interface of our own namespace; undefined for one without a device. */
export function readDriver(name: string, sys = '/sys'): Driver | undefined {
  if (name.includes('/') || name === '.' || name === '..') return undefined
  const device = `${sys}/class/net/${name}/device`
  const place = linkName(device)
  if (place === '') return undefined
  const bus = linkName(`${device}/subsystem`) === 'virtio' ? parentName(device) : place
  const parentBus = linkName(`${device}/physfn`)
  const isParent = Number(readText(`${device}/sriov_numvfs`) ?? 0) > 0
  const role = parentBus === '' ? (isParent ? 1 : 0) : 2
  const driver = linkName(`${device}/driver`)
  const version = readText(`${device}/driver/module/version`)?.trim() ?? ''
  return { name: driver, version, firmware: '', bus, role, parentBus }
}

/** The device on a real bus that a virtual one is part of, which its driver gives as its place (virtnet_get_drvinfo). */
function parentName(device: string): string {
  try {
    return basename(dirname(realpathSync(device)))
  } catch {
    return ''
  }
}

function linkName(path: string): string {
  return basename(readLink(path) ?? '')
}
