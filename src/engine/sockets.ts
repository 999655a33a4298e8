/**
 * Where engines answer: the places their sockets are known to be, and whatever socket a process listens on that is named
 * like an engine, in whichever container. The same socket found in two ways is one.
 */
import { statSync } from 'node:fs'
import { listeningSockets } from '../linux/host/listeners.ts'
import { mountsOfOneMoment } from '../linux/namespace/answering.ts'
import { type FoundSocket, findSocket } from '../linux/namespace/file-in-root.ts'
import { type Authority, processAuthority, userAuthority } from './authority.ts'

/** A socket that an engine may answer at. */
export interface EngineSocket {
  /** As it can be reached from here. */
  readonly path: string
  /** Which processes may be spoken for at it. */
  readonly authority: Authority
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

/** Looks for a socket at a path. */
type SocketFinder = (path: string) => FoundSocket | undefined

/** Looks for many sockets of one moment: kinds of engines share places, and processes share roots. */
export function makeSocketFinder(): SocketFinder {
  const mountsUnder = mountsOfOneMoment()
  const sockets = new Map<string, FoundSocket | undefined>()
  return path => {
    if (!sockets.has(path)) sockets.set(path, findSocket(path, mountsUnder))
    return sockets.get(path)
  }
}

/**
 * Sockets that exist, each once, in the order given; a known place lends its shorter path. Any process can say of any socket
 * that it listens there, so it is believed where its user can have put the socket in its place; of several the one with the
 * most authority counts.
 */
export function distinctSockets(
  known: readonly string[],
  daemons: readonly Daemon[],
  find: SocketFinder = makeSocketFinder(),
): EngineSocket[] {
  const found = new Map<string, EngineSocket>()
  for (const path of known) {
    const socket = find(path)
    if (socket !== undefined && !found.has(socket.identity)) found.set(socket.identity, ofKnownPlace(socket))
  }
  for (const daemon of daemons) {
    for (const { identity, ...socket } of socketsOf(daemon, find)) {
      const before = found.get(identity)
      if (before?.daemon !== undefined && reach(before.authority) >= reach(socket.authority)) continue
      found.set(identity, { ...socket, path: before?.path ?? socket.path })
    }
  }
  return [...found.values()]
}

/** A socket at a known place: who may put one there may speak at it. */
function ofKnownPlace({ path, placers }: FoundSocket): EngineSocket {
  return { path, authority: userAuthority(placers.includes(0) ? 0 : (placers[0] ?? 0)) }
}

/** The sockets of a daemon that it is believed to listen on. */
function socketsOf({ pid, sockets }: Daemon, find: SocketFinder): (EngineSocket & Pick<FoundSocket, 'identity'>)[] {
  const listener = processAuthority(pid)
  if (listener === undefined) return []
  return sockets.flatMap(path => {
    const socket = find(path)
    const authority = socket && believed(listener, socket)
    return authority ? [{ identity: socket.identity, path: socket.path, authority, daemon: pid }] : []
  })
}

/** The authority of a process that listens on a socket; undefined for one that cannot have put it there. */
function believed(listener: Authority, { placers }: FoundSocket): Authority | undefined {
  if (placers.includes(listener.uid)) return listener
  // Whoever owns the place may have put another socket there since.
  return isRootOfHost(listener) ? userAuthority(placers[0] ?? 0) : undefined
}

function isRootOfHost({ root, pidns }: Authority): boolean {
  return root && pidns === undefined
}

function reach(authority: Authority): number {
  return isRootOfHost(authority) ? 2 : Number(authority.root)
}
