/** What is known of a kind of engine before one of it is asked: where its sockets are, and how its processes are called. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { AskedEngine, ContainerEngine } from '../model/target.ts'
import type { Engine } from './engine.ts'

/** A kind of engine. */
export interface EngineKind {
  readonly name: AskedEngine
  /** Known places of its socket, whether or not anything is there. */
  places(env: NodeJS.ProcessEnv): string[]
  /** Command names of the processes that listen on it. */
  readonly daemons: readonly string[]
  /** Folders in which it mounts network namespaces; those of a daemon that was started otherwise by its arguments. */
  namespaceFolders(args?: readonly string[]): string[]
  /** Whether a socket that was found may be its API, judged by the path alone. */
  accepts(path: string): boolean
  /** The engine behind a socket; nothing is asked of it yet. */
  open(path: string): Engine
  /**
   * The engine that has better names for containers of this one, which are then left out. `isMarked`: only at a socket where that
   * engine answers, and there also what bears its mark, before it tells of it.
   */
  readonly yieldsTo?: {
    readonly engine: AskedEngine
    isMarked?(labels: Readonly<Record<string, string>>): boolean
  }
  /** The engine after whose manner it names the control groups of its containers, where it has no manner of its own. */
  readonly groupsLike?: ContainerEngine
  /** Commands that a user runs when it may not be used, and when it does not answer. */
  readonly fixes: {
    forbidden?(user: string): string
    readonly silent: string
  }
}

/** The path in `unix:///run/engine.sock`; none for an engine on another machine. */
export function localSocket(address: string | undefined): string[] {
  const [, path] = /^unix:\/\/(\/.*)$/.exec(address ?? '') ?? []
  return path === undefined ? [] : [path]
}

/** Folders in which the engines of plain users keep their sockets; this user's own first. */
export function userFolders({ XDG_RUNTIME_DIR }: NodeJS.ProcessEnv): string[] {
  const own = XDG_RUNTIME_DIR ? [XDG_RUNTIME_DIR] : []
  try {
    return [...new Set([...own, ...readdirSync('/run/user').map(user => join('/run/user', user))])]
  } catch {
    return own
  }
}
