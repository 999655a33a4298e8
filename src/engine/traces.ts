/**
 * Containers without an engine to ask: known by their control groups, or by the process that watches over them (conmon
 * of Podman, systemd-nspawn). So LXC, LXD and nspawn are found, a Podman without its service, and whatever runs on while
 * its engine is down. Names are those that can be read; else the beginning of the id stands for one.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import type { CgroupContainer } from '../linux/process/cgroup.ts'
import { optionValue, readArguments } from '../linux/process/proc.ts'
import { eldestBy, type ProcessEntry, readProcessTable } from '../linux/process/table.ts'
import { askedEngines, type ContainerEngine } from '../model/target.ts'
import { processAuthority } from './authority.ts'
import { type Container, type Engine, newestFirst } from './engine.ts'
import type { NamedProcess } from './sockets.ts'

/** The traces as an engine; it has no events. */
export function tracesEngine(readTable: () => readonly ProcessEntry[] = readProcessTable): Engine {
  const traced = (): Container[] => {
    const table = readTable()
    const byPid = new Map(table.map(process => [process.pid, process]))
    const eldest = eldestBy(table, process => {
      // Only the first process of LXC's has its monitor for a parent.
      const ofGroup = process.container?.engine === 'lxc' ? process.container : undefined
      return keyOf(ofGroup ?? traceOf(process, byPid.get(process.parent)))
    })
    return [...eldest.values()].flatMap(process => {
      const trace = traceOf(process, byPid.get(process.parent))
      if (trace === undefined) return []
      // Who started it gave it its name; what lost its parent stands for itself.
      const authority = processAuthority(process.parent > 1 ? process.parent : process.pid)
      return [{ ...toContainer(trace, process), ...(authority && { authority }) }]
    })
  }
  return {
    name: 'traces',
    address: '/proc',
    async containers(signal) {
      signal.throwIfAborted()
      return traced().sort(newestFirst)
    },
    async process(id) {
      return traced().find(container => container.id === id)?.process
    },
    follow(observer, signal) {
      observer.ready()
      return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    },
  }
}

const cidOptions = ['-c', '--cid']

/** A program that watches over containers. */
interface Monitor {
  /** Whose container it watches over. */
  readonly engines: (args: readonly string[]) => readonly ContainerEngine[]
  /** Options that tell the id of its container. */
  readonly idOptions?: readonly string[]
  /** What its arguments tell of its child; where they do, that is a container also without a control group of its own. */
  readonly trace?: (args: readonly string[]) => Trace | undefined
  /** They tell the name, which a control group does not. */
  readonly knowsName?: true
}

/** Monitors by command: conmon(8), the shim of containerd and Docker, and those of engines that are asked nothing. */
const monitors: ReadonlyMap<string, Monitor> = new Map<string, Monitor>([
  ['conmon', { engines: () => ['podman', 'cri'], idOptions: cidOptions, trace: conmonTrace, knowsName: true }],
  ['containerd-shim', { engines: shimEngines, idOptions: ['-id'] }],
  ['systemd-nspawn', { engines: () => ['nspawn'], trace: nspawnTrace }],
  ['lxc-start', { engines: () => ['lxc'] }],
  ...['lxd', 'incusd'].map((command): [string, Monitor] => [
    command,
    { engines: args => [lxcTrace(args)?.engine ?? []].flat(), trace: lxcTrace, knowsName: true },
  ]),
])

/** Tells whether the children of a command are containers, also without a control group of their own. */
export function hasTracedChildren(command: string): boolean {
  return monitors.get(command)?.trace !== undefined
}

/** Processes that watch over containers. */
export function monitorsAmong(processes: readonly NamedProcess[]): NamedProcess[] {
  return processes.filter(({ command }) => monitors.has(command))
}

/**
 * Whether a container may run that no engine has told of, as it does without the service of its Podman.
 * @param told ids that engines have told
 * @param engine of which engine; any unless said otherwise
 */
export function isAnyUntold(
  watching: readonly NamedProcess[],
  told: ReadonlySet<string>,
  engine?: ContainerEngine,
): boolean {
  // containerd's ids have the name of its namespace before them, where somebody chose them.
  const ids = new Set([...told].map(id => basename(id)))
  return watching.some(process => {
    const { engines, id } = watchedBy(process)
    // The daemon of LXD bears the name of its monitors.
    if (engines.length === 0) return false
    return (engine === undefined || engines.includes(engine)) && (id === undefined || !ids.has(id))
  })
}

/** Whose container a process watches over, and its id, where its arguments tell that. */
function watchedBy({ pid, command }: NamedProcess): { engines: readonly ContainerEngine[]; id: string | undefined } {
  const { engines, idOptions = [], trace }: Monitor = monitors.get(command) ?? { engines: () => [] }
  const args = readArguments(pid)
  return { engines: engines(args), id: optionValue(args, idOptions) ?? trace?.(args)?.id }
}

function shimEngines(args: readonly string[]): readonly ContainerEngine[] {
  return optionValue(args, ['-namespace']) === 'moby' ? ['docker'] : ['containerd', 'cri']
}

interface Trace extends CgroupContainer {
  /** Name, where the watching process tells it. */
  readonly name?: string | undefined
}

/** What tells that a process runs in a container; its parent may know the name better than its control group. */
function traceOf({ mountns, container }: ProcessEntry, parent: ProcessEntry | undefined): Trace | undefined {
  // What these start among the files of the host is none: conmon runs `podman container cleanup` when the container has ended.
  if (parent === undefined || (mountns !== undefined && mountns === parent.mountns)) return container
  const { trace, knowsName = false } = monitors.get(parent.command) ?? {}
  if (trace === undefined || (container !== undefined && !knowsName)) return container
  return trace(readArguments(parent.pid)) ?? container
}

function keyOf(trace: Trace | undefined): string | undefined {
  return trace === undefined ? undefined : `${trace.engine} ${trace.id}`
}

/** conmon(8): `-c ID -n NAME`. */
function conmonTrace(args: readonly string[]): Trace | undefined {
  const id = optionValue(args, cidOptions)
  return id === undefined ? undefined : { engine: 'podman', id, name: optionValue(args, ['-n', '--name']) }
}

/** The monitor of liblxc calls itself `[lxc monitor] FOLDER NAME`; LXD and Incus have a folder below their own. */
function lxcTrace([title = '']: readonly string[]): Trace | undefined {
  const [, owner, id] = /^\[lxc monitor\] \/.*?\/(lxd|incus)\/containers ([^ /]+)$/.exec(title.trimEnd()) ?? []
  const engine = askedEngines.find(name => name === owner)
  return engine === undefined || id === undefined ? undefined : { engine, id, name: id.replace('_', '/') }
}

/** systemd-nspawn(1): `-M NAME`, or else the name of its directory. */
function nspawnTrace(args: readonly string[]): Trace | undefined {
  const name = optionValue(args, ['-M', '--machine']) ?? basename(optionValue(args, ['-D', '--directory']) ?? '')
  return name === '' ? undefined : { engine: 'nspawn', id: name }
}

function toContainer({ engine, id, name }: Trace, { pid, startTime }: ProcessEntry): Container {
  return {
    engine,
    socket: '',
    id,
    name: name ?? (engine === 'docker' ? dockerName(id) : undefined) ?? shortened(id),
    prefix: '',
    image: '',
    state: 'running',
    created: 0,
    labels: {},
    addresses: [],
    process: { pid, incarnation: `${pid} ${startTime}` },
  }
}

function shortened(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id
}

const longestConfig = 1024 * 1024

/** Docker keeps the name in a file of its own, which outlives a daemon that is down. */
function dockerName(id: string): string | undefined {
  try {
    const file = openSync(`/var/lib/docker/containers/${id}/config.v2.json`, 'r')
    try {
      const bytes = Buffer.alloc(longestConfig)
      const { Name } = JSON.parse(bytes.toString('utf8', 0, readSync(file, bytes))) as { Name?: unknown }
      return typeof Name === 'string' && Name.length > 1 ? Name.replace(/^\//, '') : undefined
    } finally {
      closeSync(file)
    }
  } catch {
    return undefined
  }
}
