/**
 * Units of systemd and the processes in them, by their control groups (proc_pid_cgroup(5)): systemd gives each unit a group of
 * its name, below those of its slices. So no manager is asked, and no bus is needed.
 */

import { readText } from './proc.ts'
import { type ProcessEntry, scanProcesses } from './table.ts'

/** A unit that a process belongs to. */
export interface Unit {
  readonly name: string
  /** User whose manager started it; undefined for the manager of the system. */
  readonly user?: number
}

/** A unit with its processes, in the order of their numbers. */
export interface RunningUnit extends Unit {
  readonly processes: readonly [ProcessEntry, ...ProcessEntry[]]
}

/** Lists the units that have processes. */
export async function listUnits(signal: AbortSignal, proc = '/proc'): Promise<RunningUnit[]> {
  const units = new Map<string, Unit & { readonly processes: [ProcessEntry, ...ProcessEntry[]] }>()
  for (const process of await scanProcesses(signal, proc)) {
    for (const unit of parseUnits(readText(`${proc}/${process.pid}/cgroup`) ?? '')) {
      const key = `${unit.user ?? ''} ${unit.name}`
      const known = units.get(key)
      if (known === undefined) units.set(key, { ...unit, processes: [process] })
      else known.processes.push(process)
    }
  }
  return [...units.values()]
}

/**
 * Returns the main process of a unit: the eldest of those that no other process of the unit has started. What a control command
 * (ExecStartPost=, ExecReload=) starts is younger.
 */
export function mainProcess({ processes }: Pick<RunningUnit, 'processes'>): ProcessEntry {
  const members = new Set(processes.map(({ pid }) => pid))
  const started = processes.filter(({ parent }) => !members.has(parent))
  return started.toSorted((a, b) => a.startTime - b.startTime || a.pid - b.pid)[0] ?? processes[0]
}

/**
 * Reads the text of /proc/PID/cgroup, lines `hierarchy:controllers:path`: the unit of the system that a process belongs to, and
 * the unit of a user where that one is a manager. Units within a container are not below slices alone, and are none of this host.
 */
export function parseUnits(text: string): Unit[] {
  const path = text
    .split('\n')
    .map(line => /^\d+:(?:name=systemd)?:(.*)$/.exec(line)?.[1] ?? '')
    .find(found => unitFolders(found).length > 0)
  const [first, ...below] = unitFolders(path ?? '')
  if (first === undefined) return []
  const [, user] = /^user@(\d{1,10})\.service$/.exec(first) ?? []
  const [own] = withoutSlices(below)
  const ofUser = user === undefined || own === undefined || !isUnit.test(own) ? [] : [{ name: own, user: Number(user) }]
  return [{ name: first }, ...ofUser].map(unit => ({ ...unit, name: unescapeGroup(unit.name) }))
}

const isUnit = /\.(?:service|scope|socket|mount|swap)$/

/** The folders of a path from that of a unit on; none where the path is not one of a unit. */
function unitFolders(path: string): string[] {
  // A control group namespace shows what is outside of it by `..` (cgroup_namespaces(7)).
  const folders = withoutSlices(path.split('/').filter(folder => folder !== '' && folder !== '..'))
  return isUnit.test(folders[0] ?? '') ? folders : []
}

function withoutSlices(folders: readonly string[]): string[] {
  const at = folders.findIndex(folder => !folder.endsWith('.slice'))
  return at < 0 ? [] : folders.slice(at)
}

/** systemd puts an underscore before a name that the kernel might take for one of its own files. */
function unescapeGroup(name: string): string {
  return name.replace(/^_/, '')
}
