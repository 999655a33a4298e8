/**
 * Which container a process belongs to, by its control group (proc_pid_cgroup(5)): engines name the group of a container
 * after its id, so a container is known for one also where its engine cannot be asked.
 */
import type { ContainerEngine } from '../../model/target.ts'
import { readText } from './proc.ts'

/** The container a control group is for. */
export interface CgroupContainer {
  readonly engine: ContainerEngine
  /** Id in the engine, 64 hexadecimal digits; for LXC and systemd-nspawn the name. */
  readonly id: string
}

/** How engines name the last folder of a container's group, by driver (cgroupfs or systemd). */
const patterns: readonly [ContainerEngine, RegExp][] = [
  ['podman', /^libpod-([0-9a-f]{64})(?:\.scope)?$/],
  ['docker', /^docker-([0-9a-f]{64})\.scope$/],
  ['docker', /^docker\/([0-9a-f]{64})$/],
  ['cri', /(?:^|:)(?:cri-containerd|crio)[-:]([0-9a-f]{64})(?:\.scope)?$/],
  ['cri', /^(?:k8s\.io|isulad|pod[0-9a-f-]{36}|kubepods[^/]*)\/([0-9a-f]{64})$/],
  ['containerd', /^nerdctl-([0-9a-f]{64})\.scope$/],
  ['containerd', /^[\w.-]+\/([0-9a-f]{64})$/],
  ['lxc', /^lxc\.payload\.(.+)$/],
  ['lxc', /^lxc\/([^/]+)$/],
  ['nspawn', /^systemd-nspawn@(.+)\.service$/],
  ['nspawn', /^machine-(?!qemu)(.+)\.scope$/],
]

/** Where Podman's monitors (conmon) of a pod's containers run: in a folder that is called after the pod. */
const podMonitor = /\/[0-9a-f]{64}\/conmon$/

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
    const folders = path.replace(podMonitor, '').split('/')
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
  for (const [engine, pattern] of patterns) {
    const [, id] = pattern.exec(folder) ?? pattern.exec(`${parent}/${folder}`) ?? []
    if (id !== undefined) return { engine, id: engine === 'nspawn' ? unescapeUnit(id) : id }
  }
  return undefined
}

/** systemd.unit(5) writes what a unit's name may not hold as `\x2d`. */
function unescapeUnit(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
}
