/**
 * Containers without an engine to ask: known by their control groups, or by the process that watches over them (conmon
 * of Podman, systemd-nspawn). So LXC, LXD and nspawn are found, a Podman without its service, and whatever runs on while
 * its engine is down. Names are those that can be read; else the beginning of the id stands for one.
 */
import { basename } from 'node:path'
import { optionValue, readArguments } from '../linux/process/proc.ts'
import { eldestBy } from '../linux/process/table.ts'
import type { ContainerEngine } from '../model/target.ts'
import { processAuthority } from './authority.ts'
import type { CgroupContainer } from './cgroup.ts'
import { type Container, type Engine, newestFirst } from './engine.ts'
import type { Monitor } from './kind.ts'
import { kinds, traces } from './members.ts'
import { type ContainedProcess, readContained } from './processes.ts'
import type { NamedProcess } from './sockets.ts'

/** The traces as an engine; it has no events. */
export function tracesEngine(readTable: () => readonly ContainedProcess[] = readContained): Engine {
  const traced = (): Container[] => {
    const table = readTable()
    const byPid = new Map(table.map(process => [process.pid, process]))
    const eldest = eldestBy(table, process => {
      // Where several engines name groups alike, only the first process of a container has a monitor that tells the engine.
      const ofGroup = sharedGroups.has(process.container?.engine) ? process.container : undefined
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
    unasked: true,
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

/** Engines after whose manner others name the control groups of their containers. */
const sharedGroups: ReadonlySet<ContainerEngine | undefined> = new Set(kinds.flatMap(kind => kind.groupsLike ?? []))

/** Programs that watch over containers, by command: one may do so for several engines. */
const monitors = Map.groupBy(
  traces.flatMap(({ engine, monitors = {} }) =>
    Object.entries(monitors).map(([command, monitor]) => ({ engine, command, monitor })),
  ),
  ({ command }) => command,
)

/** Those of a command whose arguments tell of its children. */
function tracing(command: string): { readonly engine: ContainerEngine; readonly monitor: Monitor } | undefined {
  return monitors.get(command)?.find(({ monitor }) => monitor.trace !== undefined)
}

/** Tells whether the children of a command are containers, also without a control group of their own. */
export function hasTracedChildren(command: string): boolean {
  return tracing(command) !== undefined
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
  const args = readArguments(pid)
  const watching = (monitors.get(command) ?? []).filter(({ monitor: { watches = () => true } }) => watches(args))
  const ids = watching.map(
    ({ monitor: { idOptions = [], trace } }) => optionValue(args, idOptions) ?? trace?.(args)?.id,
  )
  return { engines: watching.map(({ engine }) => engine), id: ids.find(id => id !== undefined) }
}

interface Trace extends CgroupContainer {
  /** Name, where the watching process tells it. */
  readonly name?: string | undefined
}

/** What tells that a process runs in a container; its parent may know the name better than its control group. */
function traceOf({ mountns, container }: ContainedProcess, parent: ContainedProcess | undefined): Trace | undefined {
  // What these start among the files of the host is none: conmon runs `podman container cleanup` when the container has ended.
  if (parent === undefined || (mountns !== undefined && mountns === parent.mountns)) return container
  const watching = tracing(parent.command)
  if (watching === undefined || (container !== undefined && !watching.monitor.knowsName)) return container
  const trace = watching.monitor.trace?.(readArguments(parent.pid))
  return trace === undefined ? container : { engine: watching.engine, ...trace }
}

function keyOf(trace: Trace | undefined): string | undefined {
  return trace === undefined ? undefined : `${trace.engine} ${trace.id}`
}

function toContainer({ engine, id, name }: Trace, { pid, startTime }: ContainedProcess): Container {
  return {
    engine,
    socket: '',
    id,
    name: name ?? storedName(engine, id) ?? shortened(id),
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

function storedName(name: ContainerEngine, id: string): string | undefined {
  return traces.find(({ engine }) => engine === name)?.nameOf?.(id)
}
