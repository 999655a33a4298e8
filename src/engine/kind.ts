/** What is known of a kind of engine before one of it is asked: where its sockets are, and how its processes are called. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { AskedEngine, ContainerEngine } from '../model/target.ts'
import type { Engine } from './engine.ts'

/** What tells in /proc of the containers of an engine, also while it cannot be asked. */
export interface Traces {
  /**
   * Names of a container's control group: of its last folder, or of its last two. The first group of the expression is the id, 64
   * hexadecimal digits or a name.
   */
  readonly groups?: readonly RegExp[]
  /** Names that would also fit groups of other engines: only what is none of theirs is taken for its own. */
  readonly looseGroups?: readonly RegExp[]
  /** The id that the text in the name of a group stands for, where that is not the text itself. */
  readId?(text: string): string
  /** The end of a path of control groups that belongs to a program that watches over a container, and not to the container. */
  readonly monitorGroup?: RegExp
  /** Programs that watch over its containers, by command. */
  readonly monitors?: Readonly<Record<string, Monitor>>
  /** The name of a container, where the engine keeps it in a file. */
  nameOf?(id: string): string | undefined
}

/** A program that watches over containers. */
export interface Monitor {
  /** Whether one with such arguments watches over a container of this engine; it does unless said otherwise. */
  watches?(args: readonly string[]): boolean
  /** Options that tell the id of its container. */
  readonly idOptions?: readonly string[]
  /** What its arguments tell of its child; where they do, that is a container also without a control group of its own. */
  trace?(args: readonly string[]): { readonly id: string; readonly name?: string | undefined } | undefined
  /** They tell the name, which a control group does not. */
  readonly knowsName?: true
}

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
  /** What its containers leave in /proc; nothing where they are named as those of {@link groupsLike}, and nothing watches over them. */
  readonly traces?: Traces
  /** Commands that a user runs when it may not be used, and when it does not answer. */
  readonly fixes: {
    forbidden?(user: string): string
    readonly silent: string
  }
}

/** Options by which conmon(8) learns the id of its container. */
export const conmonIdOptions = ['-c', '--cid'] as const

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
