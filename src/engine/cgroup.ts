/**
 * Which container a process belongs to, by its control group (proc_pid_cgroup(5)): engines name the group of a container
 * after its id, so a container is known for one also where its engine cannot be asked.
 */
import { readText } from '../linux/process/proc.ts'
import type { ContainerEngine } from '../model/target.ts'
import { traces } from './members.ts'

/** The container a control group is for. */
export interface CgroupContainer {
  readonly engine: ContainerEngine
  /** Id in the engine, 64 hexadecimal digits; for LXC and systemd-nspawn the name. */
  readonly id: string
}

/** How the groups of containers are called, with the engine they are of; what fits only loosely comes last. */
const patterns = [
  ...traces.flatMap(({ engine, groups = [], readId }) => groups.map(pattern => ({ engine, pattern, readId }))),
  ...traces.flatMap(({ engine, looseGroups = [], readId }) =>
    looseGroups.map(pattern => ({ engine, pattern, readId })),
  ),
]

const monitorGroups = traces.flatMap(({ monitorGroup }) => monitorGroup ?? [])

/** The innermost container a process runs in; undefined outside of any. */
export function readCgroupContainer(pid: number, proc = '/proc'): CgroupContainer | undefined {
  return parseCgroup(readText(`${proc}/${pid}/cgroup`) ?? '')
}

/** Reads the text of /proc/PID/cgroup: lines `hierarchy:controllers:path`. */
export function parseCgroup(text: string): CgroupContainer | undefined {
  // The groups of all hierarchies agree; most processes of a host are in none that is deeper than its service.
  let innermost: CgroupContainer | undefined
  let depth = -1
  for (const path of new Set(text.split('\n').map(line => line.split(':').slice(2).join(':')))) {
    const folders = monitorGroups.reduce((rest, group) => rest.replace(group, ''), path).split('/')
    for (let at = folders.length - 1; at > depth; at--) {
      const found = parseFolder(folders[at - 1] ?? '', folders[at] ?? '')
      if (found === undefined) continue
      innermost = found
      depth = at
    }
  }
  return innermost
}

function parseFolder(parent: string, folder: string): CgroupContainer | undefined {
  for (const { engine, pattern, readId } of patterns) {
    const [, id] = pattern.exec(folder) ?? pattern.exec(`${parent}/${folder}`) ?? []
    if (id !== undefined) return { engine, id: readId?.(id) ?? id }
  }
  return undefined
}
