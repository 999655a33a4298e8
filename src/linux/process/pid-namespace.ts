/**
 * Process numbers of another PID namespace (pid_namespaces(7)): an engine in a container tells numbers of its own.
 */
import { inPieces } from '../../base/pieces.ts'
import { listProcesses, readNamespaceInode, readNestedPids, readStat } from './proc.ts'

/**
 * Finds the process that has a number in the PID namespace of another one, the viewer.
 * @returns our number for it; undefined when there is none
 */
export type PidTranslator = (pid: number, viewer: number) => Promise<number | undefined>

/** Translates many numbers of one moment: all processes are read once, when the first number needs it. */
export function makePidTranslator(signal?: AbortSignal, proc = '/proc'): PidTranslator {
  const own = readNamespaceInode('self', 'pid', proc)
  const tables = new Map<number, ReadonlyMap<number, number>>()
  let reading: Promise<Place[]> | undefined
  return async (pid, viewer) => {
    const namespace = readNamespaceInode(viewer, 'pid', proc)
    if (namespace === undefined || namespace === own) return pid
    reading ??= readPlaces(signal, proc)
    const places = await reading
    const table = tables.get(namespace) ?? numbersIn(namespace, readNestedPids(viewer, proc).length - 1, places)
    tables.set(namespace, table)
    return table.get(pid)
  }
}

/** A process, and where it lives. */
interface Place {
  readonly pid: number
  readonly parent: number
  readonly namespace: number | undefined
  /** Its numbers, from the outermost namespace to its own. */
  readonly nested: readonly number[]
}

/** All processes, children behind their parents as a rule. */
async function readPlaces(signal: AbortSignal | undefined, proc: string): Promise<Place[]> {
  const read = (pid: number): Place => ({
    pid,
    parent: readStat(pid, proc)?.parent ?? 0,
    namespace: readNamespaceInode(pid, 'pid', proc),
    nested: readNestedPids(pid, proc),
  })
  return inPieces(listProcesses(proc), read, signal)
}

/** Our numbers of the processes in a namespace and below it, by their numbers there. */
function numbersIn(namespace: number, level: number, places: readonly Place[]): Map<number, number> {
  const byPid = new Map(places.map(place => [place.pid, place]))
  const below = new Map<number, boolean>()
  /** Whether a process or one of its ancestors lives in the namespace. */
  const isBelow = (place: Place): boolean => {
    const passed: number[] = []
    let found = false
    for (let at: Place | undefined = place; at !== undefined; at = byPid.get(at.parent)) {
      const known = below.get(at.pid)
      found = known ?? at.namespace === namespace
      if (found || known === false) break
      // Numbers are used again while we read: a circle ends here.
      below.set(at.pid, false)
      passed.push(at.pid)
    }
    for (const pid of passed) below.set(pid, found)
    return found
  }
  const numbers = new Map<number, number>()
  for (const place of places) {
    const pid = place.nested[level]
    if (pid !== undefined && !numbers.has(pid) && isBelow(place)) numbers.set(pid, place.pid)
  }
  return numbers
}
