/**
 * What tells that the host has changed: the events of its engines, inotify on the folders in which namespaces are mounted,
 * and the processes that have a network namespace of their own. Each is a reason to look again and never the state itself,
 * so one that is told twice, or of which several come at once, does no harm.
 *
 * The kernel offers no descriptor that tells of new processes without polling (the proc connector needs a netlink socket,
 * which node has not), so the numbers in /proc are compared once a second: one system call for the folder, and three reads
 * for each process that is new.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { guarded, setInterval } from '../../base/timers.ts'
import type { Engine, EngineEvent } from '../../engine/engine.ts'
import { findEngines, namespaceFolders } from '../../engine/engines.ts'
import { watchFolders } from '../../linux/namespace/arrivals.ts'
import { findSocket } from '../../linux/namespace/file-in-root.ts'
import { listNamespaceMounts } from '../../linux/namespace/mountinfo.ts'
import { listProcesses, readNamespaceInode } from '../../linux/process/proc.ts'
import { findHost } from './host.ts'

/** Something that was told, and by what. */
export type HostChange =
  /** The engine can be asked from now on, or no longer: whatever happened before is to be looked up. */
  | { readonly source: 'engine'; readonly engine: Engine; readonly reachable: boolean }
  | { readonly source: 'container'; readonly engine: Engine; readonly event: EngineEvent }
  /** A file in a folder of namespaces has come or gone. */
  | { readonly source: 'mount'; readonly path: string }
  /** A process with a network namespace of its own has come or gone. */
  | { readonly source: 'process' }

/** How long the host is followed, and who is told. */
export interface FollowOptions {
  readonly signal: AbortSignal
  readonly env?: NodeJS.ProcessEnv
  readonly onChange: (change: HostChange) => void
}

/** Milliseconds between looks at the numbers of processes. */
const processInterval = 1_000
/** Milliseconds between looks for engines that have come. */
const engineInterval = 10_000
/** Milliseconds until an engine that went is asked again, at first and at most. */
const retry = { first: 100, most: 3_000 } as const

/** Tells of changes until the signal aborts. What exists already is not told of: list after this returns. */
export function followHost({ signal, env, onChange }: FollowOptions): void {
  const followed = new Set<string>()
  const folders = watchFolders(guarded((path: string) => onChange({ source: 'mount', path })))
  const lookForEngines = () => {
    const engines = findEngines(env)
    for (const engine of engines) {
      const key = `${engine.name} ${engine.address}`
      if (!followed.has(key)) guarded(followEngine)(engine, { signal, onChange }, () => followed.delete(key))
      followed.add(key)
    }
    folders.follow([...new Set([...namespaceFolders(engines), ...mountedFolders()])])
  }
  guarded(lookForEngines)()
  const hasNewProcesses = processWatch()
  const timers = [
    setInterval(lookForEngines, engineInterval),
    setInterval(() => hasNewProcesses() && onChange({ source: 'process' }), processInterval),
  ]
  signal.addEventListener('abort', () => {
    for (const timer of timers) clearInterval(timer)
    folders.close()
  })
}

/** Folders that hold a mounted namespace at the moment. */
function mountedFolders(): string[] {
  return listNamespaceMounts().map(({ path }) => path.slice(0, path.lastIndexOf('/')) || '/')
}

/** Follows one engine until the signal aborts, and begins anew when it has gone; gives up when its socket has gone too. */
export async function followEngine(
  engine: Engine,
  { signal, onChange }: Omit<FollowOptions, 'env'>,
  onGone: () => void,
): Promise<void> {
  let delay: number = retry.first
  while (!signal.aborted) {
    let reached = false
    const observer = {
      ready() {
        reached = true
        delay = retry.first
        onChange({ source: 'engine', engine, reachable: true })
      },
      event: (event: EngineEvent) => onChange({ source: 'container', engine, event }),
    }
    await engine.follow(observer, signal).catch(() => {})
    if (signal.aborted) return
    if (reached) onChange({ source: 'engine', engine, reachable: false })
    await sleep(delay, undefined, { signal }).catch(() => {})
    delay = Math.min(delay * 2, retry.most)
    if (!reached && delay === retry.most && findSocket(engine.address) === undefined) return onGone()
  }
}

/**
 * Compares the processes with those of the time before.
 * @returns a check whether one with a network namespace of its own has come or gone since it was last called
 */
function processWatch(): () => boolean {
  const host = findHost()?.netns
  let known = new Map<number, number | undefined>()
  const hasOthers = (these: typeof known, those: typeof known) =>
    [...these].some(([pid, netns]) => !those.has(pid) && netns !== undefined && netns !== host)
  const look = (): boolean => {
    const pids = listProcesses()
    // This process is there at least: /proc could not be read, which tells of no change.
    if (pids.length === 0) return false
    const before = known
    known = new Map(pids.map(pid => [pid, before.has(pid) ? before.get(pid) : readNamespaceInode(pid, 'net')]))
    return hasOthers(known, before) || hasOthers(before, known)
  }
  look()
  return look
}
