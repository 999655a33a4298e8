/**
 * What a host is called and what it runs: its name as PID 1 sees it (uts_namespaces(7)), os-release(5), the kernel's own
 * words, and the CPUs that are online (Documentation/ABI/stable/sysfs-devices-system-cpu).
 */
import { hostname } from 'node:os'
import type { HostFacts } from '../../model/host.ts'
import { parseRanges } from '../process/cpu-list.ts'
import { readText } from '../process/proc.ts'

/** Reads the facts anew each time: any of them may change. */
export function readHostFacts(root = ''): Omit<HostFacts, 'version' | 'created' | 'engines'> {
  const release = parseRelease(readText(`${root}/etc/os-release`) ?? readText(`${root}/usr/lib/os-release`) ?? '')
  return {
    hostname: hostname(),
    osName: release.get('NAME') ?? '',
    osVersion: release.get('VERSION') ?? release.get('VERSION_ID') ?? '',
    kernel: readText(`${root}/proc/version`) ?? '',
    cpus: parseRanges(readText(`${root}/sys/devices/system/cpu/online`) ?? ''),
  }
}

/** Assignments of a shell, of which only the quotes matter here. */
export function parseRelease(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, name, value] = /^([A-Z0-9_]+)=(.*)$/.exec(line.trim()) ?? []
    if (name === undefined || value === undefined) continue
    const [, , quoted] = /^(["'])(.*)\1$/.exec(value) ?? []
    found.set(name, quoted?.replace(/\\(.)/g, '$1') ?? value)
  }
  return found
}
