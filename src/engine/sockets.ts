/**
 * Where engines answer: the places their sockets are known to be, and whatever socket a process listens on that is named
 * like an engine, in whichever container. The same socket found in two ways is one.
 */
import { realpathSync, statSync } from 'node:fs'
import { listeningSockets } from '../linux/process/listeners.ts'

/** A socket that an engine may answer at. */
export interface EngineSocket {
  /** As it can be reached from here. */
  readonly path: string
  /** Process that listens on it, where that is known. */
  readonly daemon?: number
}

/** A process named like an engine, and the sockets it listens on. */
export interface Daemon {
  readonly command: string
  readonly pid: number
  readonly sockets: readonly string[]
}

/** A process of the host, by what it calls itself. */
export interface NamedProcess {
  readonly pid: number
  readonly command: string
}

/** What is looked at: any user may name any number of processes like an engine, and let each listen at any number of places. */
const most = { daemons: 64, sockets: 16 } as const

/** Processes with one of the names, as far as this user may look into them; those of root first, where there are too many. */
export function findDaemons(
  commands: ReadonlySet<string>,
  processes: readonly NamedProcess[],
  proc = '/proc',
): { readonly daemons: Daemon[]; readonly leftOut: string[] } {
  const named = processes.filter(({ command }) => commands.has(command))
  const considered = named.length <= most.daemons ? named : rootFirst(named, proc).slice(0, most.daemons)
  const leftOut =
    named.length > most.daemons
      ? [`${named.length} processes are named like an engine: only ${most.daemons} of them are asked`]
      : []
  const daemons = considered.map(({ pid, command }) => {
    const sockets = listeningSockets(pid, most.sockets + 1, proc)
    if (sockets.length > most.sockets)
      leftOut.push(`${command}(${pid}) listens on more than ${most.sockets} sockets: only the first are asked`)
    return { command, pid, sockets: sockets.slice(0, most.sockets) }
  })
  return { daemons, leftOut }
}

function rootFirst(processes: readonly NamedProcess[], proc: string): NamedProcess[] {
  const isRoot = ({ pid }: NamedProcess) => statSync(`${proc}/${pid}`, { throwIfNoEntry: false })?.uid === 0
  return [true, false].flatMap(wanted => processes.filter(process => isRoot(process) === wanted))
}

/** Sockets that exist, each once, in the order given; a known place lends its shorter path. */
export function distinctSockets(known: readonly string[], daemons: readonly Daemon[]): EngineSocket[] {
  const found = new Map<string, EngineSocket>()
  const add = (socket: EngineSocket) => {
    const identity = socketIdentity(socket.path)
    if (identity !== undefined) found.set(identity, { ...socket, ...found.get(identity), ...daemonOf(socket) })
  }
  for (const path of known) add({ path })
  for (const { pid, sockets } of daemons) for (const path of sockets) add({ path, daemon: pid })
  return [...found.values()]
}

function daemonOf({ daemon }: EngineSocket): { daemon?: number } {
  return daemon === undefined ? {} : { daemon }
}

function socketIdentity(path: string): string | undefined {
  try {
    const stats = statSync(path)
    return stats.isSocket() ? `${stats.dev}:${stats.ino}` : undefined
  } catch {
    return undefined
  }
}

/** Real paths of those that exist. */
export function existingPaths(paths: readonly string[]): string[] {
  return paths.flatMap(path => {
    try {
      return [realpathSync(path)]
    } catch {
      return []
    }
  })
}
