/**
 * Where engines answer: the places their sockets are known to be, and whatever socket a process listens on that is named
 * like an engine, in whichever container. The same socket found in two ways is one.
 */
import { realpathSync, statSync } from 'node:fs'
import { listeningSockets } from '../linux/process/listeners.ts'
import { listProcesses, readCommand } from '../linux/process/proc.ts'

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

/** Processes with one of the names, as far as this user may look into them. */
export function findDaemons(commands: ReadonlySet<string>, proc = '/proc'): Daemon[] {
  return listProcesses(proc).flatMap(pid => {
    const command = readCommand(pid, proc) ?? ''
    return commands.has(command) ? [{ command, pid, sockets: listeningSockets(pid, proc) }] : []
  })
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
