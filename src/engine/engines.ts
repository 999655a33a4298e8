/**
 * Looks for engines (members.ts is the list of them), and asks them all: in parallel, each with the same deadline, so that a dead
 * one neither delays nor hides the others.
 */
import { abortAfter } from '../base/abort.ts'
import { RemoraError } from '../base/errors.ts'
import { isForeign } from '../linux/namespace/file-in-root.ts'
import { listProcesses, readArguments, readCommand, readNamespaceInode } from '../linux/process/proc.ts'
import { type Authority, hostAuthority, isOfHost } from './authority.ts'
import type { Container, Engine, EngineAnswer, Wanted } from './engine.ts'
import { kinds } from './members.ts'
import { mostElements } from './socket-json.ts'
import { distinctSockets, findDaemons, makeSocketFinder, type NamedProcess } from './sockets.ts'
import { monitorsAmong } from './traces.ts'

/** Engines that were found, and a sentence for what was too much to be looked at. */
export interface FoundEngines {
  readonly engines: readonly Engine[]
  readonly leftOut: readonly string[]
  /** Processes that watch over containers, also those of an engine that is not there. */
  readonly monitors: readonly NamedProcess[]
}

/**
 * Engines whose sockets exist, on the host and in its containers, without asking them anything.
 * @param processes all processes, where the caller has them already
 * @param isWanted whether engines of a name are looked for; all of them unless said otherwise
 */
export function lookForEngines(
  env: NodeJS.ProcessEnv = process.env,
  processes: readonly NamedProcess[] = listCommands(),
  isWanted: (name: Engine['name']) => boolean = () => true,
): FoundEngines {
  const wanted = kinds.filter(({ name }) => isWanted(name))
  const { daemons, leftOut } = findDaemons(new Set(wanted.flatMap(({ daemons }) => daemons)), processes)
  const find = makeSocketFinder()
  const engines = wanted.flatMap(kind => {
    const own = daemons.filter(({ command }) => kind.daemons.includes(command))
    return distinctSockets(kind.places(env), own, find)
      .filter(({ path }) => kind.accepts(path))
      .map(({ path, ...found }) => ({ ...kind.open(path), ...found }))
  })
  const monitors = monitorsAmong(processes)
  if (engines.length <= mostEngines) return { engines, leftOut, monitors }
  const sentence = `${engines.length} sockets may be those of engines: only ${mostEngines} of them are asked`
  return { engines: greatestFirst(engines).slice(0, mostEngines), leftOut: [...leftOut, sentence], monitors }
}

function greatestFirst<E extends Engine>(engines: readonly E[]): E[] {
  return engines.toSorted((a, b) => Number(tellsOfHost(b)) - Number(tellsOfHost(a)))
}

/** Sockets that are asked at once: each costs a connection, and may cost its deadline. */
const mostEngines = 128

function listCommands(): NamedProcess[] {
  return listProcesses().map(pid => ({ pid, command: readCommand(pid) ?? '' }))
}

/** Engines as {@link lookForEngines} finds them. */
export function findEngines(env?: NodeJS.ProcessEnv, isWanted?: (name: Engine['name']) => boolean): readonly Engine[] {
  return lookForEngines(env, undefined, isWanted).engines
}

/** Whether names that an engine tells count as much as any; what one with less authority tells makes none of them ambiguous. */
export function tellsOfHost({ authority = hostAuthority }: { authority?: Authority | undefined }): boolean {
  return isOfHost(authority)
}

/** Folders in which the engines of this host mount network namespaces, whether or not they exist. */
export function namespaceFolders(engines: readonly Engine[]): string[] {
  const standard = kinds.flatMap(kind => kind.namespaceFolders())
  const own = engines.flatMap(({ name, daemon, authority }) =>
    kinds.flatMap(kind => {
      if (kind.name !== name || daemon === undefined) return []
      const folders = kind.namespaceFolders(readArguments(daemon)).map(folder => seenFrom(daemon, folder))
      // A folder of this host that a plain user names is not gone to.
      return tellsOfHost({ authority }) ? folders : folders.filter(isForeign)
    }),
  )
  return [...new Set([...standard, ...own])]
}

/** A folder of a process, through its root where that is not ours. */
function seenFrom(pid: number, folder: string): string {
  return readNamespaceInode(pid, 'mnt') === readNamespaceInode('self', 'mnt') ? folder : `/proc/${pid}/root${folder}`
}

/** Milliseconds an engine has: the same for all, or for each its own. */
export type EngineTimeout = number | ((engine: Engine) => number)

/**
 * Asks every engine for its containers.
 * @returns an answer of each, in the order given; a failure is part of it
 * @throws the reason of the signal when that aborts
 */
export function askEngines(
  engines: readonly Engine[],
  timeout: EngineTimeout,
  signal?: AbortSignal,
  wanted?: Wanted,
): Promise<EngineAnswer[]> {
  return Promise.all(
    engines.map(async engine => {
      const time = typeof timeout === 'number' ? timeout : timeout(engine)
      const deadline = abortAfter(time)
      const limit = signal === undefined ? deadline : AbortSignal.any([signal, deadline])
      try {
        return { engine, containers: await boundedContainers(engine, limit, wanted) }
      } catch (error) {
        signal?.throwIfAborted()
        const failure = deadline.aborted
          ? new RemoraError('PEER_FAILED', `${engine.name} at ${engine.address} did not answer within ${time} ms`, {
              hint: 'It may hang: look at its log, or start it again.',
            })
          : (error as Error)
        return { engine, containers: [], failure }
      }
    }),
  )
}

/** Also for engines whose answers come as a whole. */
async function boundedContainers(engine: Engine, signal: AbortSignal, wanted?: Wanted): Promise<Container[]> {
  const containers = await engine.containers(signal, wanted)
  if (containers.length <= mostElements) return containers
  const { name, address } = engine
  throw new RemoraError('PEER_FAILED', `${name} at ${address} tells of more than ${mostElements} containers`, {
    hint: 'Name a target by pid: or netns:, which asks no engine.',
  })
}
